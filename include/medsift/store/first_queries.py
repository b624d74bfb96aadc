"""Three questions to try on a fresh database; more stand in docs/queries.sql."""

FIRST_QUERIES = (
    "SELECT label, decided_by, count(*) FROM picture_labels GROUP BY 1, 2 ORDER BY 3 DESC",
    "SELECT kind, count(*), round(avg(confidence)::numeric, 2) AS confidence FROM picture_labels"
    " WHERE label = 'medical' GROUP BY 1 ORDER BY 2 DESC",
    "SELECT sha256, label, probability FROM picture_labels WHERE needs_review ORDER BY confidence LIMIT 10",
)
