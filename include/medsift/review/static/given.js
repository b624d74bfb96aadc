// What the person at the desk says: labels on their way to the server, what became of them, and the way back.
// Labels of one picture go out one after the other, and no answer ever moves what the person looks at.
import {ask} from "./rest.js";

export class Given {
  // `changed(items, step)`: these look different now, and so many more of them have a label; `tell(sentence, isBad)`.
  constructor(changed, tell) {
    this.changed = changed;
    this.tell = tell;
    this.entries = [];  // {marks, ids: a promise}, the newest last; a mark is one picture's part in it
    this.turns = 0;
  }

  stored() { return Promise.all(this.entries.map((each) => each.ids)); }

  // `kindOf(item, label)`: the kind that goes with it, null for none.
  say(items, labelOf, kindOf) {
    const marks = items.map((item) => (
      {item, label: labelOf(item), kind: kindOf(item, labelOf(item)), seen: item.seen, turn: ++this.turns, before: {said: item.said, kind: item.kind, turn: item.turn}}));
    const entry = {marks, ids: this.send(marks)};
    this.entries.push(entry);
    this.follow(marks, entry.ids);
    this.resay(marks);
  }

  async send(marks) {
    await Promise.all(marks.map(({item}) => item.sending));
    try {
      const labels = marks.map(({item, label, seen, kind}) => ({sha256: item.picture.sha256, label, seen, kind}));
      return this.took(await ask("/labels", {labels}), marks);
    } catch (problem) {
      if (problem.body?.refused) return this.took({given: [], refused: problem.body.refused}, marks);
      this.restore(marks);
      this.tell(`${problem.message} ${marks.length === 1 ? "A picture is" : `${marks.length} pictures are`} without your label again.`, true);
      return [];
    }
  }

  took(changes, marks) {
    for (const {sha256, after} of changes.given) markOf(marks, sha256).item.seen = after.id;
    this.refuse(changes, marks);
    return changes.given.map(({after}) => after.id);
  }

  // What others have said meanwhile is shown on the picture, and overruled only by a key pressed on it after that.
  refuse(changes, marks) {
    const refused = changes.refused.map(({sha256, before}) => {
      const mark = markOf(marks, sha256);
      mark.item.seen = before ? before.id : null;
      mark.item.refused = before || {labelled_by: "somebody", label: "nothing"};
      return mark;
    });
    if (!refused.length) return;
    this.restore(refused);
    this.changed(refused.map(({item}) => item), 0);
    const {labelled_by: who, label} = refused[0].item.refused;
    this.tell(refused.length === 1 ? `${who} has just said ${label} of a picture that you labelled: it is marked. Your key on it overrules.`
      : `Others have labelled ${refused.length} of these meanwhile. They are marked; your keys on them overrule.`, true);
  }

  // The newest labels go back at once; the server hears of it behind. The pictures, none where there is nothing.
  takeBack() {
    const last = this.entries.pop();
    if (!last) {
      this.tell("There is nothing to take back.");
      return [];
    }
    this.tell("Taken back.");
    const items = this.restore(last.marks);
    this.follow(last.marks, this.retract(last));
    return items;
  }

  async retract(last) {
    await Promise.all(last.marks.map(({item}) => item.sending));
    const ids = await last.ids;
    if (!ids.length) return this.tell("Nothing of that was stored: there was nothing to take back.");
    try {
      const changes = await ask("/labels/take-back", {ids});
      for (const {sha256, after} of changes.given) markOf(last.marks, sha256).item.seen = after.id;
      this.refuse(changes, last.marks);
    } catch (problem) {
      if (problem.status === 0 || problem.status >= 500) this.entries.push(last);
      this.resay(last.marks.filter(({item, before}) => item.turn === before.turn));
      this.tell(`It was not taken back. ${problem.message}`, true);
    }
  }

  resay(marks) {
    for (const {item, label, kind, turn} of marks) Object.assign(item, {said: label, kind, turn, refused: null, meant: null});
    this.changed(marks.map(({item}) => item), marks.filter(({before}) => !before.said).length);
  }

  // To what was said before, but for what has got another label since; what was meant need not be typed again.
  restore(marks) {
    const newer = new Map(this.entries.flatMap((each) => each.marks).map((mark) => [`${mark.item.picture.sha256} ${mark.before.turn}`, mark]));
    const back = [];
    for (const mark of marks) {
      const later = newer.get(`${mark.item.picture.sha256} ${mark.turn}`);
      if (later) later.before = mark.before;
      else if (mark.item.turn === mark.turn) {
        Object.assign(mark.item, mark.before, {meant: {label: mark.label, kind: mark.kind}});
        back.push(mark);
      }
    }
    const items = back.map(({item}) => item);
    this.changed(items, -back.filter(({before}) => !before.said).length);
    return items;
  }

  follow(marks, answer) {
    for (const {item} of marks) item.sending = Promise.all([item.sending, answer]);
  }
}

const markOf = (marks, sha256) => marks.find(({item}) => item.picture.sha256 === sha256);
