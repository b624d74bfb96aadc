// The sheet of thumbnails: which picture is looked at, which are selected, what was said of each.
import {api, element} from "./rest.js";

const MARGIN = 8;  // pixels between a tile and the sheet's edge
const AXES = [["offsetTop", "offsetHeight", "scrollTop", "clientHeight"], ["offsetLeft", "offsetWidth", "scrollLeft", "clientWidth"]];

export class Sheet {
  constructor(list, onFocus) {
    this.list = list;
    this.onFocus = onFocus;
    this.items = [];
    this.selected = new Set();
    this.focused = null;
    this.anchor = null;
    this.isChosen = false;  // whether the person went to the focused picture, and was not brought there
    list.addEventListener("click", (event) => {
      const tile = event.target.closest(".tile");
      if (tile) this.clicked(this.items.find((item) => item.tile === tile), event);
    });
  }

  has(sha256) { return this.items.some((item) => item.picture.sha256 === sha256); }

  open() { return this.items.filter((item) => !item.said && !item.refused); }

  targets() { return this.selected.size ? this.items.filter((item) => this.selected.has(item)) : this.focused ? [this.focused] : []; }

  add(asked) {
    for (const item of asked) {
      item.tile ??= tileOf(item);
      this.items.push(item);
      this.list.append(item.tile);
    }
    this.draw(asked);
  }

  // Tiles long settled go, so that an hour of labelling leaves the page as quick as it was; those that went.
  drop(kept) {
    const settled = this.items.filter((item) => item.said && item !== this.focused);
    const gone = new Set(settled.slice(0, Math.max(0, settled.length - kept)));
    for (const item of gone) item.tile.remove();
    this.items = this.items.filter((item) => !gone.has(item));
    return gone;
  }

  putBack(items) {
    this.items.unshift(...items);
    this.list.prepend(...items.map((item) => item.tile));
  }

  leave() { return {items: this.items, focused: this.focused}; }

  enter(items) {
    this.items = [];
    this.selected.clear();
    this.list.replaceChildren();
    this.add(items);
    this.focusItem(this.open()[0] || this.items[0] || null);
  }

  return({items, focused}) {
    this.items = items;
    this.selected.clear();
    this.list.replaceChildren(...items.map((item) => item.tile));
    this.draw(items);
    if (focused && !focused.said) this.focusItem(focused); else this.focusNextOpen(items.indexOf(focused));
  }

  draw(items) {
    for (const item of items) {
      const {tile} = item, isSelected = this.selected.has(item);
      tile.setAttribute("aria-selected", isSelected);
      tile.classList.toggle("current", item === this.focused);
      tile.tabIndex = item === this.focused ? 0 : -1;
      toggle(tile, "said", item.said);
      toggle(tile, "refused", item.refused ? "yes" : "");
      tile.querySelector(".mark").replaceChildren(...markOf(item));
    }
  }

  focusItem(item, isChosen = false) {
    const before = this.focused;
    this.focused = item;
    this.isChosen = isChosen;
    this.draw([before, item].filter((each) => each?.tile));
    if (item) {
      item.tile.focus({preventScroll: true});
      this.reveal(item.tile);
    }
    this.onFocus(item, this.items.indexOf(item));
  }

  // Within the sheet: the page itself stays where it is, or a small screen would lose the picture.
  reveal(tile) {
    for (const [at, size, scrolled, room] of AXES) {
      const before = tile[at] - MARGIN - this.list[scrolled];
      const behind = tile[at] + tile[size] + MARGIN - this.list[scrolled] - this.list[room];
      if (before < 0) this.list[scrolled] += before; else if (behind > 0) this.list[scrolled] += behind;
    }
  }

  focusNextOpen(from) {
    const open = this.open();
    this.focusItem(open.find((item) => this.items.indexOf(item) > from) || open[0] || this.focused || this.items[0] || null);
  }

  move(direction, isRange) {
    if (!this.items.length) return;
    const at = Math.max(0, this.items.indexOf(this.focused));
    const step = {left: -1, right: 1, up: -this.columns(), down: this.columns()}[direction];
    const to = this.items[Math.min(this.items.length - 1, Math.max(0, at + step))];
    if (isRange) this.range(to); else this.anchor = null;
    this.focusItem(to, true);
  }

  range(to) {
    this.anchor ??= this.focused;
    const [first, last] = [this.items.indexOf(this.anchor), this.items.indexOf(to)].sort((a, b) => a - b);
    this.select(this.items.slice(first, last + 1));
  }

  toggle(item = this.focused) {
    if (!item) return;
    if (!this.selected.delete(item)) this.selected.add(item);
    this.anchor = item;
    this.draw([item]);
  }

  clicked(item, event) {
    if (event.shiftKey) this.range(item);
    else if (event.ctrlKey || event.metaKey) this.toggle(item);
    else this.anchor = null;
    this.focusItem(item, true);
  }

  select(items) {
    const changed = [...this.selected, ...items];
    this.selected = new Set(items);
    this.draw(changed);
  }

  selectOpen() { this.select(this.open()); }

  selectNone() { this.select([]); }

  columns() {
    const top = this.items[0].tile.offsetTop;
    const first = this.items.findIndex((item) => item.tile.offsetTop > top);
    return first < 0 ? this.items.length : first;
  }
}

function tileOf(item) {
  const image = element("img", {loading: "lazy", decoding: "async", alt: item.picture.captions.slice(0, 120) || "no caption",
    src: `${api}/pictures/${item.picture.sha256}/thumbnail`});
  const tile = element("li", {className: "tile"}, image, element("span", {className: "mark"}));
  tile.setAttribute("role", "option");
  tile.dataset.sha256 = item.picture.sha256;
  return tile;
}

function markOf({said, refused, picture}) {
  if (refused) return [element("span", {className: "flag", textContent: `${refused.labelled_by}: ${refused.label}`})];
  if (said) return [element("span", {className: `tag ${said}`, textContent: said})];
  if (picture.probability === null) return [];
  return [element("span", {className: picture.verdict, textContent: picture.verdict}),
    element("span", {className: "soft", textContent: `${Math.round(100 * picture.probability)} %`})];
}

function toggle(tile, name, value) {
  if (value) tile.dataset[name] = value; else delete tile.dataset[name];
}
