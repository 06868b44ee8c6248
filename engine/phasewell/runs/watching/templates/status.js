"use strict";
// how old the page is by the reader's clock: a run that died cannot say so itself
const main = document.querySelector("main");
const silentMs = Number(main.dataset.silentMs);
const reloadS = Number(main.dataset.reloadS);
let shownS = 0;
function tell() {
  const age = Date.now() - Number(main.dataset.written);
  const seconds = Math.max(0, Math.round(age / 1000));
  const words = seconds < 100 ? seconds + " s" : seconds < 6000 ? Math.round(seconds / 60) + " min" : Math.round(seconds / 3600) + " h";
  document.getElementById("age").textContent = ", " + words + " ago by this computer's clock";
  document.getElementById("silent").hidden = !(silentMs > 0 && age > silentMs);
}
// a reader may hold the page: it never moves while the box is not checked
function again() {
  const box = document.getElementById("again");
  shownS = box && box.checked ? shownS + 1 : 0;
  if (reloadS > 0 && shownS >= reloadS) location.reload();
}
tell();
setInterval(() => { tell(); again(); }, 1000);
