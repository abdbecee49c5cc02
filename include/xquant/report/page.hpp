// The page around a report: one file, no script, nothing from elsewhere, light or dark as its reader's screen is.
#pragma once

#include <xquant/report/markup.hpp>

#include <string>
#include <string_view>

namespace xquant::inline XQUANT_ABI::report {

namespace detail {

// No < or &: the text stands in XML as it does in HTML.
inline constexpr std::string_view style = R"(
:root {
  color-scheme: light dark;
  --page: #f6f7f9; --card: #ffffff; --line: #e2e5ea; --ink: #1b2330; --soft: #5d6878; --faint: #8b95a4;
  --blue: #3f7fc4; --blue-soft: #dbe8f7; --red: #d1495b; --red-soft: #fbe3e6; --green: #2c8a5b; --amber: #b7791f;
  --bar: #79abe0; --grid: #0d1b33; --half: #f0a020;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #12161c; --card: #1a2029; --line: #2c3440; --ink: #e4e9f0; --soft: #a2adbc; --faint: #76808f;
    --blue: #5b9be0; --blue-soft: #1f3450; --red: #ef6f80; --red-soft: #3d2228; --green: #5cc08f; --amber: #e0a94a;
    --bar: #3b70aa; --grid: #ffffff; --half: #ffc75e;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", "Helvetica Neue", Arial, "DejaVu Sans", sans-serif;
}
main { max-width: 1216px; margin: 0 auto; padding: 36px 24px 64px; }
header p.eyebrow {
  margin: 0; color: var(--blue); font-size: 12px; font-weight: 650; letter-spacing: 0.1em; text-transform: uppercase;
}
h1 { margin: 2px 0 4px; font-size: 32px; line-height: 1.2; letter-spacing: -0.015em; overflow-wrap: anywhere; }
h2 { margin: 44px 0 4px; font-size: 20px; letter-spacing: -0.01em; }
h3 { margin: 0; font-size: 17px; overflow-wrap: anywhere; }
p { margin: 4px 0 12px; max-width: 86ch; color: var(--soft); }
header p { font-size: 16px; }
a { color: inherit; text-decoration-color: var(--faint); text-underline-offset: 2px; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 18px 20px; }
.tiles { display: grid; grid-template-columns: repeat(4, 1fr); gap: 14px; margin-top: 22px; }
.tile .label { color: var(--soft); font-size: 13px; }
.tile .figure { font-size: 27px; font-weight: 620; letter-spacing: -0.02em; line-height: 1.3; }
.tile .remark { color: var(--soft); font-size: 13px; overflow-wrap: anywhere; }
.facts { display: grid; grid-template-columns: max-content 1fr; gap: 2px 20px; margin: 14px 0 0; font-size: 14px; }
.facts dt { color: var(--soft); }
.facts dd { margin: 0; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; font-size: 14px; font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 600; color: var(--soft); font-size: 12.5px; border-bottom: 1px solid var(--line); }
th, td { padding: 6px 12px 6px 0; }
td { border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
tr:last-child td { border-bottom: 0; }
.right { text-align: right; }
tr.chosen td { background: var(--blue-soft); }
tr.chosen td:first-child { box-shadow: -12px 0 0 var(--blue-soft); }
.badge {
  background: var(--blue); color: var(--card); border-radius: 99px; padding: 1px 9px; margin-left: 10px; font-size: 12px;
  font-weight: 600;
}
td .bar { display: block; height: 9px; border-radius: 3px; background: var(--blue); min-width: 1px; }
tr.chosen td .bar { background: var(--blue); }
.key { display: flex; flex-wrap: wrap; gap: 4px 22px; margin: 6px 0 14px; padding: 0; list-style: none; color: var(--soft);
  font-size: 13px; }
.key li { display: flex; align-items: center; gap: 7px; }
.key svg { width: 22px; height: 14px; flex: none; }
.key path.grid { opacity: 0.5; }
article { margin-top: 16px; scroll-margin-top: 12px; }
article .head { display: flex; justify-content: space-between; align-items: baseline; gap: 24px; }
article .kind { color: var(--soft); font-size: 13.5px; }
article .ratio { font-size: 22px; font-weight: 620; white-space: nowrap; letter-spacing: -0.01em; }
article .ratio small { font-size: 13px; font-weight: 400; color: var(--soft); letter-spacing: 0; }
.poor { color: var(--red); }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: 12px 36px; margin-top: 10px; }
.tensor h4 { margin: 8px 0 0; font-size: 14px; font-weight: 600; overflow-wrap: anywhere; }
.tensor h4 span { color: var(--soft); font-weight: 400; }
.tensor .note { color: var(--soft); font-size: 12.5px; margin: 0 0 4px; line-height: 1.45; }
.tensor dl { display: flex; flex-wrap: wrap; gap: 4px 22px; margin: 6px 0 8px; font-size: 13px;
  font-variant-numeric: tabular-nums; }
.tensor dt { color: var(--soft); font-size: 12px; }
.tensor dd { margin: 0; font-weight: 550; }
svg.chart { display: block; width: 100%; height: auto; overflow: visible; }
svg text { font-size: 11px; fill: var(--soft); font-variant-numeric: tabular-nums; }
svg text.count { text-anchor: end; }
svg text.value, svg text.none, svg text.choice { text-anchor: middle; }
svg text.choice { paint-order: stroke; stroke: var(--card); stroke-width: 5px; }
svg text.first { text-anchor: start; }
svg text.last { text-anchor: end; }
svg.profile text.last { paint-order: stroke; stroke: var(--card); stroke-width: 4px; }
svg text.end { fill: var(--ink); font-weight: 600; }
svg text.scale { font-size: 10px; fill: var(--faint); }
svg text.name { text-anchor: end; font-size: 13px; fill: var(--ink); }
svg a:hover text.name { fill: var(--blue); }
svg path { fill: none; }
.level { stroke: var(--line); }
.axis { stroke: var(--faint); }
path.bars { fill: var(--bar); }
path.beyond, path.poor { fill: var(--red); }
rect.outside { fill: var(--red-soft); opacity: 0.6; }
path.grid { stroke: var(--grid); stroke-width: 0.7; opacity: 0.3; }
path.ends { stroke: var(--ink); stroke-width: 1.5; }
path.choice { stroke: var(--green); stroke-width: 1.5; }
path.half { stroke: var(--half); stroke-width: 1.8; }
path.network { stroke: var(--faint); stroke-width: 2; stroke-linejoin: round; }
rect.weights { fill: var(--amber); }
circle.output { fill: var(--card); stroke: var(--green); stroke-width: 2; }
circle.layer { fill: var(--blue); }
rect.stripe { fill: var(--faint); opacity: 0.07; }
footer { margin-top: 40px; color: var(--faint); font-size: 13px; }
@media (max-width: 900px) { .pair { grid-template-columns: 1fr; } .tiles { grid-template-columns: 1fr 1fr; } }
@media print { article { break-inside: avoid; } }
)";

}  // namespace detail

/// A whole HTML file, which is well-formed XML too: `body` is markup, the title plain text.
inline std::string page(std::string_view title, const markup& body) {
  markup html;
  html.open("html", {{"xmlns", "http://www.w3.org/1999/xhtml"}, {"lang", "en"}}).line_break();
  html.open("head").line_break();
  html.leaf("meta", {{"charset", "utf-8"}}).line_break();
  html.leaf("meta", {{"name", "viewport"}, {"content", "width=device-width, initial-scale=1"}}).line_break();
  html.element("title", {}, title).line_break();
  html.open("style").raw(detail::style).close().line_break();
  html.close().line_break();
  html.open("body").line_break();
  html.open("main").line_break().raw(body.result()).line_break().close().line_break();
  html.close().line_break();
  html.close();
  return joined("<!DOCTYPE html>\n", html.result(), "\n");
}

}  // namespace xquant::report
