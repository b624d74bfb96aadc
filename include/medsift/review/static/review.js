// The Review page: a sheet of pictures, one of them large, labelled by keys. The next picture never waits for the
// server: labels go out behind it, and what the server refuses comes back marked.
import {Given} from "./given.js";
import {KindField} from "./kind.js";
import {api, ask, base, element} from "./rest.js";
import {Sheet} from "./sheet.js";

const review = document.getElementById("review");
const mayLabel = review.dataset.mayLabel === "yes";
const keys = JSON.parse(review.dataset.keys);
const actions = Object.fromEntries(Object.entries(keys).map(([action, key]) => [key, action]));
const part = (id) => document.getElementById(id);
const FEW = 25, AT_ONCE = 40, AHEAD = 4, KEPT = 60, AGAIN_MS = 15_000;

const sheet = new Sheet(part("sheet"), show);
const given = new Given(changed, tell);
const kind = new KindField(part("kind"), (sentence) => tell(sentence, true));
const items = new Map();     // one for each picture, the same in the queue and in every group
let queue = null;            // the sheet's content while a group is shown in its place
let waiting = 0, session = 0, fetching = null, again = 0, batch = 0;

// Pictures as the sheet has them. What this person said of one since it was asked for is newer than the answer.
function known(asked, turn) {
  return asked.map((each) => {
    const item = items.get(each.picture.sha256) || {...each, tile: null};
    if (!(item.turn > turn)) Object.assign(item, {seen: each.seen, said: each.picture.said || undefined, kind: each.named, refused: null});
    items.set(each.picture.sha256, item);
    return item;
  });
}

async function more() {
  if (queue || fetching) return fetching;
  let turn = 0;
  // The server has to know what was labelled, or it would hand the same pictures out again.
  fetching = given.stored().then(() => {
    if (queue) return null;
    turn = given.turns;
    const have = sheet.open().map((item) => item.picture.sha256);
    return ask(`/queue?limit=${AT_ONCE}&without=${have.join(",")}`);
  }).then((told) => {
    if (queue || !told) return;  // a group has been opened meanwhile; the way back asks again
    waiting = told.waiting;
    batch += 1;
    const wasDone = !sheet.open().length;
    const fresh = known(told.asked.filter((item) => !sheet.has(item.picture.sha256)), turn);
    for (const item of fresh) item.batch = batch;
    sheet.add(fresh);
    for (const gone of sheet.drop(KEPT)) items.delete(gone.picture.sha256);
    describeQueue();
    if (wasDone) sheet.focusNextOpen(-1);
  }).catch((problem) => {
    fail(problem);
    if (!sheet.items.length) part("set-about").textContent = "";
    clearTimeout(again);
    again = setTimeout(more, AGAIN_MS);
  }).finally(() => { fetching = null; });
  return fetching;
}

function describeQueue() {
  part("set-name").textContent = "Review";
  const count = waiting >= 2000 ? "2,000 or more" : waiting.toLocaleString("en");
  part("set-about").textContent = waiting ? `${count} wait, the most telling first` : sheet.open().length ? "" : "Nothing more waits.";
  part("back").hidden = true;
  const isEmpty = !sheet.items.length;
  part("empty").hidden = !isEmpty;
  part("desk").hidden = isEmpty;
}

function tell(sentence, isBad = false) {
  part("status").textContent = sentence;
  part("status").classList.toggle("bad", isBad);
}

const fail = (problem) => tell(problem.message, true);

function show(item, index) {
  part("desk").hidden = !item;
  if (!item) return;
  const picture = item.picture;
  const image = part("picture");
  if (image.dataset.sha256 !== picture.sha256) zoom(false);
  image.dataset.sha256 = picture.sha256;
  image.src = `${api}/pictures/${picture.sha256}/view`;
  image.alt = picture.captions.slice(0, 200) || `Picture of ${picture.width} by ${picture.height} pixels without caption`;
  image.decode().catch(() => {}).then(() => { document.body.dataset.shown = picture.sha256; });
  part("details").href = `${base}/picture/${picture.sha256}`;
  const facts = [["Model", verdict(picture)], ["Why asked", picture.review_reason], ["Said", said(item)],
    ["Caption", picture.captions], ["Cluster", picture.cluster === null ? "" : `${picture.cluster}`],
    ["Size", `${picture.width} × ${picture.height}`]];
  part("facts").replaceChildren(...facts.filter(([, value]) => value).flatMap(([name, value]) => [
    element("dt", {textContent: name}), element("dd", {className: name === "Caption" ? "caption" : ""}, value)]));
  part("cluster").disabled = picture.cluster === null;
  for (const next of sheet.items.slice(index + 1, index + 1 + AHEAD)) {
    new Image().src = `${api}/pictures/${next.picture.sha256}/view`;
  }
}

// At its own size, or twice that where it fits as it is; the middle first.
function zoom(isOn = !part("frame").classList.contains("zoomed")) {
  const frame = part("frame"), image = part("picture");
  frame.classList.toggle("zoomed", isOn);
  const isSmall = image.naturalWidth <= frame.clientWidth && image.naturalHeight <= frame.clientHeight;
  image.style.width = isOn ? `${image.naturalWidth * (isSmall ? 2 : 1)}px` : "";
  frame.scrollTo((frame.scrollWidth - frame.clientWidth) / 2, (frame.scrollHeight - frame.clientHeight) / 2);
}

function verdict(picture) {
  if (picture.probability === null) return "";
  const kind = picture.kind ? `, ${picture.kind}` : "";
  return element("span", {}, element("span", {className: `tag ${picture.verdict}`, textContent: picture.verdict}),
    `${kind} · ${(100 * picture.probability).toFixed(0)} % medical`);
}

function said(item) {
  if (item.refused) return `${item.refused.labelled_by} said ${item.refused.label}: press again to overrule`;
  const kindSaid = item.kind ? `, ${item.kind}` : "";
  if (item.turn) return `${item.said}${kindSaid} by you`;
  return item.picture.said ? `${item.picture.said}${kindSaid}${item.picture.labelled_by ? ` by ${item.picture.labelled_by}` : ""}` : "";
}

function label(name) {
  if (!kind.isUsable()) return;
  const named = kind.value;
  if (give(sheet.targets(), () => name, named ? `${name}, ${named}` : name, (item) => named ?? kept(item, name))) kind.clear();
}

// The kind that was named with this very label before, or was to go with it when it could not be given.
function kept(item, name) {
  if (item.meant?.label === name) return item.meant.kind;
  return item.said === name ? item.kind ?? null : null;
}

// The quick way through a sheet: what the model has wrong is labelled one by one, the rest is as it says.
function agree() {
  if (kind.value) return tell("A kind goes with medical or non-medical: press one of these, or empty its field.", true);
  // Pictures that came to the end of the sheet meanwhile were perhaps not looked at: they wait for the next press.
  const targets = sheet.selected.size ? sheet.targets() : sheet.open().filter((item) => item.batch === sheet.focused.batch);
  give(targets.filter((item) => item.picture.verdict), (item) => item.picture.verdict, "as the model says", () => null);
}

// Whether labels were given.
function give(targets, labelOf, name, kindOf) {
  if (!mayLabel) tell("You may not label here.", true);
  if (!mayLabel || !targets.length) return false;
  // One key too many at the end must not change the last picture's label.
  if (!sheet.selected.size && targets.every((item) => item.said) && !sheet.isChosen) {
    tell("This picture has its label. Move to one with an arrow to change what was said of it.");
    return false;
  }
  const last = sheet.items.indexOf(targets[targets.length - 1]);
  sheet.selected.clear();
  const what = targets.length === 1 ? name : `${targets.length} pictures are ${name}`;
  tell(`${what}. ${keys.undo.toUpperCase()} takes ${targets.length === 1 ? "it" : "them"} back.`);
  given.say(targets, labelOf, kindOf);
  sheet.focusNextOpen(last);
  if (sheet.open().length < FEW) more();
  return true;
}

function undo() {
  const back = given.takeBack();
  kind.offer(back[0]?.meant.kind);
  for (const item of back) item.meant = null;  // the field has it, to be seen and changed
  const gone = back.filter((item) => !sheet.items.includes(item) && !queue?.items.includes(item));
  for (const item of gone) items.set(item.picture.sha256, item);
  if (queue) queue.items.unshift(...gone); else sheet.putBack(gone);
  const first = back.find((item) => sheet.items.includes(item));
  if (first) sheet.focusItem(first);
}

function changed(ofThese, step) {
  sheet.draw(ofThese);
  if (step <= 0 && ofThese.includes(sheet.focused)) show(sheet.focused, sheet.items.indexOf(sheet.focused));
  session += step;
  waiting = Math.max(0, waiting - step);
  if (!queue) describeQueue();
  part("tally").textContent = session > 0 ? `${session} labelled` : "";
}

async function group(path, name) {
  const item = sheet.focused;
  if (!item) return;
  try {
    await given.stored();
    const turn = given.turns, found = await ask(path);
    if (!queue) queue = sheet.leave();
    sheet.enter(known(found.asked, turn));
    part("set-name").textContent = name(found);
    const purity = found.purity === null ? "" : `, ${(100 * found.purity).toFixed(0)} % on one side`;
    part("set-about").textContent = `${found.asked.length} ${found.asked.length === 1 ? "picture" : "pictures"}: ${found.medical} medical, ${found.non_medical} non-medical${purity}; ${found.labelled} labelled by people`;
    part("back").hidden = false;
    sheet.selectOpen();
    tell(`${sheet.selected.size} selected. Take out what does not belong, then label them at once.`);
  } catch (problem) { fail(problem); }
}

function back() {
  if (!queue) return;
  sheet.return(queue);
  queue = null;
  tell("");
  describeQueue();
  if (sheet.open().length < FEW) more();
}

const does = {
  medical: () => label("medical"), "non-medical": () => label("non-medical"), unsure: () => label("unsure"), agree, undo,
  cluster: () => {
    const {cluster, model_set} = sheet.focused?.picture ?? {cluster: null};
    if (cluster !== null) group(`/clusters/${cluster}?${new URLSearchParams({model_set})}`, (found) => found.name);
  },
  kind: () => kind.focus(),
  similar: () => sheet.focused && group(`/pictures/${sheet.focused.picture.sha256}/group`, () => "All similar"),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || part("keys").open) return;
  const isAtControl = event.target.closest?.("button, a, input, select, textarea, dialog");
  const key = event.key.toLowerCase();
  if (actions[key] && !event.shiftKey) { if (!event.repeat) does[actions[key]](); }
  else if (key === "?") part("keys").showModal();
  else if (key === "+") zoom();
  else if (key === "escape") { if (sheet.selected.size) sheet.selectNone(); else back(); }
  else if (key === "a") sheet.selectOpen();
  else if (key === "enter" && !isAtControl && sheet.focused) location.href = part("details").href;
  else if (key === " " && !isAtControl) sheet.toggle();
  else if (key.startsWith("arrow")) sheet.move(key.slice(5), event.shiftKey);
  else return;
  event.preventDefault();
});

part("acts").addEventListener("click", (event) => {
  const button = event.target.closest("[data-label]");
  if (button) label(button.dataset.label);
});
part("agree").addEventListener("click", agree);
part("frame").addEventListener("click", () => zoom());
part("cluster").addEventListener("click", () => does.cluster());
part("similar").addEventListener("click", () => does.similar());
part("undo").addEventListener("click", undo);
part("back").addEventListener("click", back);
part("help").addEventListener("click", () => part("keys").showModal());
part("done")?.addEventListener("click", async () => {
  await given.stored();
  try {
    const {told} = await ask("/labels/done", {});
    tell(told ? `Done: ${told} labels were passed on. A new model set is fitted from them and used if it is not worse.` : "Done. There were no new labels to pass on.");
  } catch (problem) { fail(problem); }
});

more().then(() => { document.body.dataset.ready = "yes"; });
