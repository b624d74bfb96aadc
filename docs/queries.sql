-- Queries that people ask of medsift's database. Run them with `medsift db psql`, DBeaver, pandas or a notebook; the
-- role medsift_reader may run all of them and change nothing. Each begins with a line "-- name:". Words like :source
-- are psql variables: give them as -v source="'/data/papers/a.pdf'", or change the values below; elsewhere write the
-- value in their place.
-- The view picture_labels has what each picture is, a person's label before the model's verdict; current_verdicts has
-- the newest verdict of the current model set. Both have one row a picture.

\if :{?source} \else
\set source '''/data/papers/a.pdf'''
\endif
\if :{?run} \else
\set run '''the id of a run'''
\endif
\if :{?word} \else
\set word '''CT'''
\endif
\if :{?sha256} \else
\set sha256 '''the sha256 of a picture'''
\endif
\if :{?encoder} \else
\set encoder '''lite'''
\endif

-- name: medical_by_modality
-- How many medical pictures are there of each modality, and how sure are we of them?
SELECT coalesce(kind, 'unknown') AS modality,
       count(*) AS pictures,
       round(avg(confidence)::numeric, 3) AS mean_confidence,
       count(*) FILTER (WHERE decided_by = 'person') AS confirmed_by_people
FROM picture_labels
WHERE label = 'medical'
GROUP BY 1
ORDER BY pictures DESC, modality;

-- name: doubtful
-- Which pictures should a person look at first? The least sure come first.
SELECT l.sha256, l.label, l.kind, l.confidence, v.review_reason
FROM picture_labels l
LEFT JOIN current_verdicts v USING (sha256)
WHERE l.needs_review
ORDER BY l.confidence, l.sha256
LIMIT 100;

-- name: by_source
-- What is in each source?
SELECT s.source, s.kind, s.state, s.reason,
       count(DISTINCT l.sha256) FILTER (WHERE l.label = 'medical') AS medical,
       count(DISTINCT l.sha256) FILTER (WHERE l.label = 'non-medical') AS non_medical,
       count(DISTINCT l.sha256) FILTER (WHERE l.needs_review) AS to_review
FROM sources s
LEFT JOIN occurrences o ON o.source_id = s.id
LEFT JOIN picture_labels l ON l.sha256 = o.sha256
GROUP BY s.id
ORDER BY s.source;

-- name: pictures_of_source
-- Every picture of one source, in reading order, with its caption.
SELECT o.page, o.box, l.label, l.kind, l.confidence, o.caption, o.sha256
FROM sources s
JOIN occurrences o ON o.source_id = s.id
JOIN picture_labels l ON l.sha256 = o.sha256
WHERE s.source = :source
ORDER BY o.ordinal;

-- name: not_read
-- Which sources could not be read, and which pictures were not kept, and why?
SELECT s.source, NULL AS page, s.state, s.reason
FROM sources s
WHERE s.state IN ('failed', 'partial')
UNION ALL
SELECT s.source, o.page, o.state, o.reason
FROM occurrences o
JOIN sources s ON s.id = o.source_id
WHERE o.sha256 IS NULL AND NOT (s.state = 'failed' AND s.reason = o.reason)
ORDER BY source, page NULLS FIRST;

-- name: duplicates_across_sources
-- Which pictures stand in more than one source?
SELECT o.sha256, count(DISTINCT o.source_id) AS sources, array_agg(DISTINCT s.source ORDER BY s.source) AS which
FROM occurrences o
JOIN sources s ON s.id = o.source_id
WHERE o.sha256 IS NOT NULL
GROUP BY o.sha256
HAVING count(DISTINCT o.source_id) > 1
ORDER BY sources DESC, o.sha256;

-- name: near_duplicates
-- Which pictures look almost the same, and are they labelled the same?
SELECT p.near_duplicate_of AS original, p.sha256 AS duplicate, a.label AS original_label, b.label AS duplicate_label
FROM pictures p
JOIN picture_labels a ON a.sha256 = p.near_duplicate_of
JOIN picture_labels b ON b.sha256 = p.sha256
ORDER BY original, duplicate;

-- name: same_document_in_several_places
-- Which documents lie in more than one place?
SELECT d.digest, d.title, array_agg(s.source ORDER BY s.source) AS places
FROM documents d
JOIN sources s ON s.document = d.digest
GROUP BY d.digest
HAVING count(*) > 1
ORDER BY d.title, d.digest;

-- name: changed_since_yesterday
-- Which pictures are new, decided anew or labelled since yesterday?
SELECT l.sha256, l.label, l.kind, l.decided_by, changes.what, changes.at
FROM (
    SELECT sha256, 'new' AS what, first_seen AS at FROM pictures
    UNION ALL
    SELECT sha256, 'decided', decided_at FROM verdicts
    UNION ALL
    SELECT sha256, 'labelled', labelled_at FROM labels
) changes
JOIN picture_labels l USING (sha256)
WHERE changes.at >= now() - interval '1 day'
ORDER BY changes.at DESC, l.sha256, changes.what;

-- name: people_against_model
-- Which pictures did a person label differently from the current model set?
SELECT l.sha256, l.labelled_by, l.label AS person, v.verdict AS model, v.probability, v.kind AS model_kind
FROM picture_labels l
JOIN current_verdicts v USING (sha256)
WHERE l.decided_by = 'person' AND l.label <> v.verdict
ORDER BY v.confidence DESC, l.sha256;

-- name: labels_by_person
-- Who labelled how many pictures, and how often does the current model set agree? (With what each said last of them.)
SELECT l.labelled_by,
       count(*) AS labels,
       count(*) FILTER (WHERE l.label = 'unsure') AS unsure,
       round(avg((l.label = v.verdict)::int) FILTER (WHERE l.label <> 'unsure'), 3) AS agreement
FROM (
    SELECT DISTINCT ON (sha256, labelled_by) *
    FROM labels ORDER BY sha256, labelled_by, labelled_at DESC, id DESC
) l
LEFT JOIN current_verdicts v ON v.sha256 = l.sha256
WHERE NOT l.is_withdrawn
GROUP BY l.labelled_by
ORDER BY labels DESC, l.labelled_by;

-- name: runs
-- The last runs, how long they took and what they counted.
SELECT id, state, trigger, started_at, finished_at - started_at AS took, profile,
       counts -> 'sources' AS sources, counts -> 'pictures' AS pictures
FROM runs
ORDER BY started_at DESC
LIMIT 20;

-- name: pictures_of_run
-- Every picture of one run with its label now.
SELECT l.sha256, l.label, l.kind, l.confidence, l.needs_review
FROM run_pictures r
JOIN picture_labels l USING (sha256)
WHERE r.run_id = :run
ORDER BY l.sha256;

-- name: voter_agreement
-- How often does each voter answer, and how often does it agree with the verdict?
SELECT voter,
       count(*) AS asked,
       round(avg((votes.probability IS NOT NULL)::int), 3) AS answered,
       round(avg(((votes.probability >= 0.5) = (verdict = 'medical'))::int), 3) AS agrees_with_verdict
FROM votes
JOIN current_verdicts USING (sha256, model_set, prompt_set)
GROUP BY voter
ORDER BY voter;

-- name: voters_against_each_other
-- Which pictures divide the voters most?
SELECT sha256, max(votes.probability) - min(votes.probability) AS spread,
       jsonb_object_agg(voter, round(votes.probability::numeric, 3)) AS votes
FROM votes
JOIN current_verdicts USING (sha256, model_set, prompt_set)
WHERE votes.probability IS NOT NULL
GROUP BY sha256
HAVING count(*) > 1
ORDER BY spread DESC, sha256
LIMIT 50;

-- name: model_sets_compared
-- Which pictures does the current model set see differently from an earlier one, with the prompts both last had?
SELECT *
FROM (
    SELECT DISTINCT ON (new.sha256, old.model_set)
           new.sha256, old.model_set AS earlier, old.verdict AS was, new.verdict AS now_is, new.probability
    FROM verdicts new
    JOIN model_sets m ON m.digest = new.model_set AND m.is_current
    JOIN verdicts old ON old.sha256 = new.sha256 AND old.prompt_set = new.prompt_set AND old.model_set <> new.model_set
    ORDER BY new.sha256, old.model_set, new.decided_at DESC
) compared
WHERE was <> now_is
ORDER BY sha256, earlier;

-- name: engines_of_vectors
-- What made the vectors of each encoder, in which precision? (Several where machines differ or a choice changed; none is
-- known of vectors that are older than this column.)
SELECT m.name AS encoder, m.width, array_to_string(m.engines, ', ') AS engines, count(e.sha256) AS vectors
FROM models m
LEFT JOIN embeddings e ON e.encoder_digest = m.digest
GROUP BY m.digest
ORDER BY m.name, m.digest;

-- name: captions_that_mention
-- Which pictures have a caption with a word in it?
SELECT l.sha256, l.label, l.kind, s.source, o.page, o.caption
FROM occurrences o
JOIN sources s ON s.id = o.source_id
JOIN picture_labels l ON l.sha256 = o.sha256
WHERE o.caption ~* ('(^|\W)' || regexp_replace(:word, '(\W)', '\\\1', 'g') || '(\W|$)')
ORDER BY s.source, o.ordinal;

-- name: words_in_captions
-- Which pictures have these words in a caption, the surest first? (Through an index, a row a picture: table
-- catalogue is what the pages of the Review app read.)
SELECT sha256, label, kind, confidence, decided_by, captions
FROM catalogue
WHERE words @@ websearch_to_tsquery('simple', :word)
ORDER BY confidence DESC NULLS LAST, sha256
LIMIT 20;

-- name: colour_spaces
-- In which colour spaces do PDFs hold their pictures? (For one picture, o.tags has xref and pixel_size too.)
SELECT o.tags ->> 'colour_space' AS colour_space, l.label, count(DISTINCT l.sha256) AS pictures
FROM occurrences o
JOIN picture_labels l ON l.sha256 = o.sha256
WHERE o.tags ? 'colour_space'
GROUP BY 1, 2
ORDER BY pictures DESC, colour_space, label;

-- name: dicom_modalities
-- What do DICOM files say of themselves, and does the verdict's kind fit?
SELECT o.tags ->> 'Modality' AS modality, l.kind, count(DISTINCT l.sha256) AS pictures
FROM occurrences o
JOIN picture_labels l ON l.sha256 = o.sha256
WHERE o.tags ? 'Modality'
GROUP BY 1, 2
ORDER BY pictures DESC, modality, kind;

-- name: nearest_neighbours
-- Which pictures look most like this one? (Needs the pgvector extension. Without a width the whole table is compared,
-- which is exact; `medsift` itself asks through an index.)
SELECT other.sha256, 1 - (other.vector <=> this.vector) AS similarity, l.label, l.kind
FROM embeddings this
JOIN models m ON m.digest = this.encoder_digest
JOIN embeddings other ON other.encoder_digest = this.encoder_digest AND other.sha256 <> this.sha256
JOIN picture_labels l ON l.sha256 = other.sha256
WHERE this.sha256 = :sha256 AND m.name = :encoder
ORDER BY other.vector <=> this.vector
LIMIT 20;

-- name: label_next
-- Whose label would teach most?
SELECT sha256, worth, verdict, probability, review_reason
FROM review_queue
ORDER BY worth DESC, sha256
LIMIT 20;

-- name: suspected
-- Which labels of people does the model contradict, the surest contradiction first?
SELECT sha256, label, labelled_by, verdict, probability
FROM suspected_labels
ORDER BY confidence DESC, sha256
LIMIT 20;
