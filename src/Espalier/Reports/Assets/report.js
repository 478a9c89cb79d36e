// Draws the charts of the page. Every figure holds its Vega-Lite spec as text and, folded behind it, the same numbers as a table; where charts
// cannot be drawn the tables stay open.
(async () => {
  const packed = document.getElementById("vega");
  const figures = document.querySelectorAll("figure.chart");
  if (!packed || !window.DecompressionStream) return;

  const bytes = Uint8Array.from(atob(packed.textContent.trim()), c => c.charCodeAt(0));
  const unpacked = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const script = document.createElement("script");
  script.text = await new Response(unpacked).text();
  document.head.append(script);

  // Colours are the page's own variables, so that light, dark and print need no second drawing.
  const soft = { labelColor: "var(--soft)", titleColor: "var(--soft)", titleFontWeight: "normal", labelFontSize: 12, titleFontSize: 12 };
  const config = {
    font: "system-ui, sans-serif",
    background: "transparent",
    padding: { left: 0, top: 4, right: 4, bottom: 0 },
    view: { stroke: null, continuousHeight: 240 },
    mark: { color: "var(--leaf)", aria: false },
    line: { strokeWidth: 1.75 },
    text: { color: "var(--soft)", fontSize: 12 },
    rule: { color: "var(--soft)" },
    axis: { ...soft, gridColor: "var(--line)", domain: false, ticks: false, labelPadding: 6, titlePadding: 8, labelOverlap: true, labelFlush: false },
    axisX: { grid: false, domain: true, domainColor: "var(--line)" },
    legend: { ...soft, orient: "top", direction: "horizontal", title: null, symbolStrokeWidth: 2, symbolSize: 120, labelLimit: 300, offset: 6, padding: 0 },
    range: { category: ["var(--leaf)", "var(--ink)", "var(--soft)", "var(--bough)"] },
  };
  for (const figure of figures) {
    const spec = JSON.parse(figure.querySelector("script").textContent);
    // A phone has no room for a row of names.
    config.legend.columns = figure.clientWidth < 480 ? 1 : 0;
    await vegaEmbed(figure.querySelector(".plot"), spec, { mode: "vega-lite", actions: false, renderer: "svg", config, tooltip: { theme: "page" } });
    const details = figure.querySelector("details");
    if (details) details.open = false;
  }
  document.documentElement.dataset.charts = figures.length;
})();
