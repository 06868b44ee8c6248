// Draws every chart of the page and says on <html> how many were drawn, so that a failure is seen and not a gap.
(function () {
  "use strict";
  const root = document.documentElement;
  const problems = [];
  function note(message) {
    problems.push(String(message));
    root.dataset.problems = problems.join(" | ");
  }
  window.addEventListener("error", (event) => note(event.message || "a part of the page failed to load"), true);
  window.addEventListener("unhandledrejection", (event) => note(event.reason));
  document.addEventListener("securitypolicyviolation", (event) => note("policy: " + event.violatedDirective));

  const holder = document.getElementById("chart-data");
  const content = holder ? JSON.parse(holder.textContent) : { config: {}, charts: {} };

  // a canvas cannot read CSS variables, so its colours are looked up when it is drawn
  function resolved(value) {
    const style = getComputedStyle(root);
    return JSON.parse(
      JSON.stringify(value).replace(/var\((--[a-z0-9-]+)\)/g, (_, name) => style.getPropertyValue(name).trim())
    );
  }

  async function draw(element) {
    const spec = content.charts[element.dataset.chart];
    const canvas = spec.usermeta.renderer === "canvas";
    const options = {
      mode: "vega-lite",
      renderer: spec.usermeta.renderer,
      actions: false,
      ast: true,
      defaultStyle: false,
      tooltip: { disableDefaultStyle: true },
      config: canvas ? resolved(content.config) : content.config,
    };
    try {
      const result = await window.vegaEmbed(element, canvas ? resolved(spec) : spec, options);
      element.dataset.drawn = result.view.scenegraph().root.items.length ? "yes" : "empty";
      return true;
    } catch (error) {
      note(element.dataset.chart + ": " + error);
      element.textContent = "This chart could not be drawn: " + error;
      return false;
    }
  }

  async function drawAll(only) {
    const elements = [...document.querySelectorAll("[data-chart]")].filter(only);
    let drawn = 0;
    for (const element of elements) drawn += (await draw(element)) ? 1 : 0;
    return drawn;
  }

  drawAll(() => true).then((drawn) => (root.dataset.chartsDrawn = drawn));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () =>
    drawAll((element) => content.charts[element.dataset.chart].usermeta.renderer === "canvas")
  );
  window.addEventListener("beforeprint", () =>
    document.querySelectorAll("details").forEach((fold) => (fold.open = true))
  );
})();
