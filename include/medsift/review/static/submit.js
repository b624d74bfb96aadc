// Sends files one after the other with their progress, then starts the run and shows it.
import {api, ask, base, element} from "./rest.js";

const form = document.getElementById("submit");
const list = document.getElementById("list"), drop = document.getElementById("drop");
const status = document.getElementById("status"), start = document.getElementById("start");
const files = [];  // {file, ticket, row}

function add(chosen) {
  for (const file of chosen) {
    const bar = element("progress", {max: 1, value: 0, ariaLabel: `${file.name} sent`});
    const gone = element("button", {type: "button", className: "quiet", textContent: "Remove", ariaLabel: `Remove ${file.name}`});
    const told = element("span", {className: "soft", textContent: size(file.size)});
    const row = element("li", {}, element("span", {className: "name", textContent: file.name, title: file.name}), told, bar, gone);
    const entry = {file, row, bar, told};
    gone.addEventListener("click", () => { files.splice(files.indexOf(entry), 1); row.remove(); });
    files.push(entry);
    list.append(row);
  }
}

function size(bytes) {
  return bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

function send(entry) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", `${api}/uploads?name=${encodeURIComponent(entry.file.name)}`);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.responseType = "json";
    request.upload.addEventListener("progress", (event) => { if (event.lengthComputable) entry.bar.value = event.loaded / event.total; });
    request.addEventListener("load", () => request.status === 201 ? resolve(request.response) : reject(new Error(request.response?.detail || "It was not taken.")));
    request.addEventListener("error", () => reject(new Error("The connection broke off.")));
    request.send(entry.file);
  });
}

async function sendAll() {
  for (const entry of files.filter((each) => !each.ticket)) {
    if (entry.file.size > form.dataset.most * 2 ** 20) throw new Error(`${entry.file.name} is larger than ${form.dataset.most} MB.`);
    try {
      const taken = await send(entry);
      entry.ticket = taken.ticket;
      entry.told.textContent = taken.kind === "folder" ? "picture" : taken.kind;
      entry.bar.value = 1;
    } catch (error) {
      entry.told.textContent = "not taken";
      throw new Error(`${entry.file.name}: ${error.message}`);
    }
  }
}

form?.addEventListener("submit", async (event) => {
  event.preventDefault();
  start.disabled = true;
  status.classList.remove("bad");
  status.textContent = files.length ? "Sending …" : "Starting …";
  try {
    await sendAll();
    const addresses = document.getElementById("addresses").value.split("\n").map((line) => line.trim()).filter(Boolean);
    const run = await ask("/runs", {uploads: files.map((entry) => entry.ticket), addresses});
    location.href = `${base}/submit?run=${encodeURIComponent(run.id)}`;
  } catch (error) {
    status.textContent = error.message;
    status.classList.add("bad");
    start.disabled = false;
  }
});

document.getElementById("files")?.addEventListener("change", (event) => { add(event.target.files); event.target.value = ""; });
for (const name of ["dragover", "dragleave", "drop"]) {
  drop?.addEventListener(name, (event) => {
    event.preventDefault();
    drop.classList.toggle("over", name === "dragover");
    if (name === "drop") add(event.dataTransfer.files);
  });
}
