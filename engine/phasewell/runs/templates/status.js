"use strict";
// how old the page is by the reader's clock: a run that died cannot say so itself
const main = document.querySelector("main");
const silentMs = Number(main.dataset.silentMs);
function tell() {
  const age = Date.now() - Number(main.dataset.written);
  const seconds = Math.max(0, Math.round(age / 1000));
  const words = seconds < 100 ? seconds + " s" : seconds < 6000 ? Math.round(seconds / 60) + " min" : Math.round(seconds / 3600) + " h";
  document.getElementById("age").textContent = ", " + words + " ago by this computer's clock";
  document.getElementById("silent").hidden = !(silentMs > 0 && age > silentMs);
}
tell();
setInterval(tell, 1000);
