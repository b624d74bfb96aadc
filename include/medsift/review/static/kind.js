// The field for the kind that goes with the next label; keys mean labels again once it is left.
export class KindField {
  constructor(field, tell) {
    this.field = field;
    this.tell = tell;
    this.isTouched = false;
    field.addEventListener("input", () => { this.isTouched = true; });
    field.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === "Escape") field.blur();
      event.stopPropagation();
    });
  }

  focus() {
    if (this.field.disabled) return;
    this.field.focus();
    this.field.select();
  }

  // Whether what stands in it can go with a label; if not, the person is told.
  isUsable() {
    if (this.field.checkValidity()) return true;
    this.tell(`A kind has ${this.field.title}.`);
    return false;
  }

  get value() { return this.field.value.trim().toLowerCase() || null; }

  offer(kind) { this.field.value ||= kind ?? ""; }

  clear() { this.field.value = ""; }
}
