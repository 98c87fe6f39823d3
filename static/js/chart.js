// Charts: bars of volume and a line of spread, drawn from the JSON the page carries.
// The table below each chart has the same numbers.
(function () {
  "use strict";

  const charts = new Map();

  function colour(token) {
    const probe = document.createElement("i");
    probe.style.color = `var(${token})`;
    document.body.append(probe);
    const value = getComputedStyle(probe).color;
    probe.remove();
    return value;
  }

  function hour(seconds) {
    return new Date(seconds * 1000).toISOString().slice(11, 16);
  }

  function thousands(value) {
    return value >= 1000 ? `${value / 1000}k` : value;
  }

  function options(element) {
    const axis = {
      stroke: colour("--text-3"),
      grid: { stroke: colour("--line"), width: 1 },
      ticks: { show: false },
      font: `11px ${getComputedStyle(document.body).fontFamily}`,
    };
    const quiet = { points: { show: false } };
    return {
      width: element.clientWidth,
      height: element.clientHeight,
      padding: [8, 4, 0, 4],
      legend: { show: false },
      cursor: { y: false },
      scales: {
        x: { time: true, range: (_, from, to) => [from - 2400, to + 2400] },
        volume: { range: (_, __, top) => [0, (top || 1) * 1.15] },
        spread: { range: (_, __, top) => [0, Math.max(60, (top || 0) * 1.15)] },
      },
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
      axes: [
        { ...axis, size: 26, values: (_, marks) => marks.map(hour) },
        { ...axis, scale: "volume", size: 44, values: (_, marks) => marks.map(thousands) },
        { ...axis, scale: "spread", side: 1, size: 36, grid: { show: false } },
      ],
      series: [
        {},
        {
          ...quiet,
          scale: "volume",
          paths: uPlot.paths.bars({ size: [0.6, 26] }),
          fill: colour("--c-bar"),
          stroke: colour("--c-bar-line"),
          width: 1,
        },
        { points: { show: true, size: 5 }, scale: "spread", stroke: colour("--c-line"), width: 2, spanGaps: true },
      ],
    };
  }

  function data(element) {
    const series = JSON.parse(document.getElementById(element.dataset.chart).textContent);
    return [series.x, series.volume, series.spread];
  }

  function draw(element) {
    charts.get(element)?.destroy();
    charts.set(element, new uPlot(options(element), data(element), element));
  }

  function drawAll() {
    for (const element of document.querySelectorAll("[data-chart]")) {
      if (charts.has(element)) {
        charts.get(element).setData(data(element));
        continue;
      }
      draw(element);
      new ResizeObserver(() => {
        charts.get(element).setSize({ width: element.clientWidth, height: element.clientHeight });
      }).observe(element);
    }
  }

  function redraw() {
    charts.forEach((_, element) => draw(element));
  }

  drawAll();
  document.addEventListener("htmx:afterSettle", drawAll);
  document.addEventListener("themechange", redraw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
})();
