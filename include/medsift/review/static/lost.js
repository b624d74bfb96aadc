// Says so where a part of a page could not be had: htmx leaves everything as it was, without a word.
function say(sentence) {
  let told = document.getElementById("lost");
  if (!told) {
    told = Object.assign(document.createElement("p"), {id: "lost", className: "notice bad"});
    told.setAttribute("role", "alert");
    document.getElementById("main").prepend(told);
  }
  told.textContent = sentence;
}

document.addEventListener("htmx:responseError", ({detail}) => say(detail.xhr.status === 401
  ? "You are logged out. Reload the page and log in." : "The server could not answer that. Reload the page, or try again in a while."));
document.addEventListener("htmx:sendError", () => say("The server does not answer. Check the connection; what you see is from before."));
document.addEventListener("htmx:afterOnLoad", ({detail}) => { if (detail.successful) document.getElementById("lost")?.remove(); });
