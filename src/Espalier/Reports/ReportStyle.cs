namespace Espalier.Reports;

/// <summary>The page's looks: readable at phone width, light and dark, nothing loaded from elsewhere.</summary>
internal static class ReportStyle
{
    internal const string Css = """
        :root{color-scheme:light dark;--ink:#1c2321;--soft:#5d6863;--line:#d9dfdb;--ground:#fbfcfa;--card:#fff;--leaf:#2f7d4f;--twig:#b9c6be}
        @media(prefers-color-scheme:dark){:root{--ink:#e6ebe8;--soft:#9aa6a0;--line:#333c38;--ground:#151917;--card:#1c2220;--leaf:#6cc08d;--twig:#47534d}}
        *{box-sizing:border-box}
        body{margin:0 auto;padding:1rem;max-width:60rem;font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--ground);overflow-wrap:anywhere}
        h1{font-size:1.5rem;line-height:1.25;margin:.5rem 0}h2{font-size:1.1rem;margin:2rem 0 .5rem}
        p.soft,figcaption,caption{color:var(--soft);font-size:.9rem;text-align:left;margin:.25rem 0}
        .wide{overflow-x:auto}
        table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
        th,td{overflow-wrap:normal;padding:.35rem .6rem;border-bottom:1px solid var(--line);text-align:right;white-space:nowrap}
        th:first-child,td:first-child{text-align:left;padding-left:0}
        th:last-child,td:last-child{padding-right:0}
        thead th{color:var(--soft);font-weight:600;font-size:.85rem}
        @media(max-width:34rem){table{font-size:.8rem}th,td{padding:.3rem .3rem}thead th{font-size:.75rem;white-space:normal}}
        pre{background:var(--card);border:1px solid var(--line);border-radius:.4rem;padding:.7rem;white-space:pre-wrap;font-size:.85rem}
        figure{margin:0}svg{display:block;width:100%;max-width:30rem;height:auto}
        svg text{fill:var(--soft);font:11px system-ui,sans-serif}svg .bar{fill:var(--twig)}svg .bar.chosen{fill:var(--leaf)}
        svg .axis{stroke:var(--line)}svg .curve{fill:none;stroke:var(--leaf);stroke-width:1.5}
        .pictures{display:grid;grid-template-columns:repeat(auto-fill,minmax(5.5rem,1fr));gap:.4rem}
        .pictures img{width:100%;display:block;border-radius:.25rem}
        """;
}
