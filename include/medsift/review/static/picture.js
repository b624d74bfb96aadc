// Labels a single picture by key or button, then shows its page anew with the new row of its history.
import {KindField} from "./kind.js";
import {ask} from "./rest.js";

const say = document.getElementById("say");
const keys = JSON.parse(say.dataset.keys);
const status = say.querySelector(".status");
let seen = say.dataset.seen ? Number(say.dataset.seen) : null;

function fail(sentence) {
  status.textContent = sentence;
  status.classList.add("bad");
}

const kind = new KindField(document.getElementById("kind"), fail);

async function label(name) {
  if (kind.isTouched && !kind.isUsable()) return;
  // The kind that was named before goes with the label it was named for, not with another.
  const isMeant = kind.isTouched || (name === say.dataset.said && kind.field.checkValidity());
  const named = isMeant ? kind.value : null;
  try {
    await ask("/labels", {labels: [{sha256: say.dataset.sha256, label: name, seen, kind: named}]});
    location.reload();
  } catch (problem) {
    const other = problem.body?.refused?.[0]?.before;
    if (other) seen = other.id;
    fail(other ? `${other.labelled_by} has just said ${other.label}. Press again to overrule.` : problem.message);
  }
}

say.addEventListener("click", (event) => {
  const button = event.target.closest("[data-label]");
  if (button) label(button.dataset.label);
});
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea")) return;
  const name = Object.keys(keys).find((action) => keys[action] === event.key.toLowerCase());
  if (name === "kind") {
    event.preventDefault();
    return kind.focus();
  }
  const button = say.querySelector(`[data-label="${name}"]`);
  if (button && !button.disabled) label(name);
});
