// Promotes a model set or rolls it back; asks once more, since a frame may not open a question of the browser's.
import {ask} from "./rest.js";

const sets = document.getElementById("sets");
const status = sets.querySelector(".status");

sets.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-do]");
  if (!button) return;
  if (!button.dataset.asked) {
    button.dataset.asked = "yes";
    button.textContent = `${button.textContent}: sure?`;
    return;
  }
  button.disabled = true;
  status.textContent = "Putting it into use …";
  try {
    await ask(button.dataset.do, {});
    location.reload();
  } catch (problem) {
    button.disabled = false;
    status.textContent = problem.message;
    status.classList.add("bad");
  }
});
