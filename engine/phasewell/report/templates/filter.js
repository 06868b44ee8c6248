// One filter for the whole page: the lines (or clones, donors, ...) whose wells are shown, in charts, tables and pictures.
(function () {
  "use strict";
  const page = window.phasewellPage;
  const data = page.content.wells;
  const place = document.getElementById("filter");
  if (!data || !place || !data.filters.length || data.wells.length < 2) return;
  const { make } = page;
  let column = data.filters[0];
  let values = new Set(); // chosen ones; empty = all
  const text = (value) => (value === null ? "(none)" : String(value));
  const status = make("span", { class: "filter-status", role: "status" });
  const chips = make("div", { class: "chips", role: "group" });

  function wellsShown() {
    if (!values.size) return null;
    return new Set(data.wells.filter((_, i) => values.has(text(data.annotations[column][i]))));
  }
  function hideOutside(wells) {
    const out = (well) => wells !== null && data.wells.includes(well) && !wells.has(well);
    document.querySelectorAll("section.well[data-well]").forEach((group) => (group.hidden = out(group.dataset.well)));
    document.querySelectorAll("main table").forEach((table) => {
      const first = table.querySelector("thead tr:last-child th");
      if (table.closest("#wells") || !first || first.textContent !== "Well") return;
      table.querySelectorAll("tbody tr").forEach((row) => (row.hidden = out(row.cells[0].textContent)));
    });
  }
  function apply() {
    const wells = wellsShown();
    chips.querySelectorAll("button").forEach((chip) => {
      const on = chip.dataset.all ? !values.size : values.has(chip.dataset.value);
      chip.setAttribute("aria-pressed", String(on));
    });
    const n = wells === null ? data.wells.length : wells.size;
    status.textContent = `${n} of ${data.wells.length} wells. Charts over the pooled cells, and models, are of all wells.`;
    hideOutside(wells);
    if (page.showWells) page.showWells(wells);
    page.setShown(wells);
  }
  function toggle(value) {
    if (values.has(value)) values.delete(value);
    else values.add(value);
    apply();
  }
  function fill() {
    values = new Set();
    const names = [...new Set(data.annotations[column].map(text))].sort((a, b) => a.localeCompare(b, undefined, { numeric: true }));
    chips.setAttribute("aria-label", `Show only wells of ${column}`);
    chips.replaceChildren(
      make("button", { type: "button", "data-all": "yes", "aria-pressed": "true", text: "All", onclick: () => { values = new Set(); apply(); } }),
      ...names.map((value) => make("button", { type: "button", "data-value": value, "aria-pressed": "false", title: value, text: value, onclick: () => toggle(value) }))
    );
  }
  const select = make("select", { onchange: (event) => { column = data.filters[Number(event.target.value)]; fill(); apply(); } },
    ...data.filters.map((name, i) => make("option", { value: i, text: name })));
  fill();
  status.textContent = `${data.wells.length} of ${data.wells.length} wells.`;
  place.append(make("label", {}, "Filter by ", select), chips, status);
  place.hidden = false;
})();
