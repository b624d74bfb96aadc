// The REST API as the pages use it: JSON in, JSON out, a problem's sentence as an error.
export const base = document.body.dataset.base;
export const api = `${base}/api/v1`;

export class Problem extends Error {
  constructor(status, body) {
    super(body.detail || "The server does not answer.");
    this.status = status;
    this.body = body;
  }
}

let asked = 0;

function busy(step) {
  asked += step;
  document.body.setAttribute("aria-busy", asked > 0);
}

export async function ask(path, body) {
  const options = body === undefined ? {} : {
    method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(body),
  };
  let answer, told;
  busy(1);
  try {
    answer = await fetch(api + path, {credentials: "same-origin", ...options});
    told = await answer.json().catch(() => ({}));
  } catch (error) {
    throw new Problem(0, {detail: "The server does not answer. Check the connection; nothing was lost."});
  } finally {
    busy(-1);
  }
  if (answer.ok) return told;
  if (answer.status === 401) told.detail = "You are logged out. Reload the page and log in.";
  throw new Problem(answer.status, told);
}

export function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}
