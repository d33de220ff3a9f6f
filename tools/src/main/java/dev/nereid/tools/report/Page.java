package dev.nereid.tools.report;

import java.util.Map;

/** The frame of a report: one HTML page that needs nothing else. */
public final class Page {
    private static final String STYLE = """
            :root { color-scheme: light dark; --ink: #1c2128; --paper: #fff; --faint: #d8dee4; }
            @media (prefers-color-scheme: dark) { :root { --ink: #d7dde3; --paper: #15191e; --faint: #39424c; } }
            body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
                   max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
            svg { width: 100%; height: auto; } svg text { font-size: 12px; fill: var(--ink); }
            .grid { stroke: var(--faint); } .axis { stroke: var(--ink); }
            .line { fill: none; stroke-width: 2; }
            .s0 { --c: #0072b2; } .s1 { --c: #e69f00; } .s2 { --c: #009e73; } .s3 { --c: #d55e00; }
            .s4 { --c: #cc79a7; } .s5 { --c: #56b4e9; } .s6 { --c: #b3a100; } .s7 { --c: #7f7f7f; }
            .line, .mark { stroke: var(--c); } .part { fill: var(--c); }
            .mark { fill: var(--paper); stroke-width: 2; }
            div.wide { overflow-x: auto; } table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
            th, td { padding: .2rem .6rem; text-align: right; border-bottom: 1px solid var(--faint); }
            dl { display: grid; grid-template-columns: max-content auto; gap: 0 1rem; } dd { margin: 0; }
            td.text, th.text { text-align: left; white-space: nowrap; } .passed { color: #00875a; } .missed { color: #c9372c; }
            """;

    private Page() {
    }

    /**
     * Returns the beginning of a page.
     *
     * @param title its heading
     * @param facts what was measured and how, in the order to show it
     */
    public static StringBuilder begin(String title, Map<String, String> facts) {
        StringBuilder page = new StringBuilder(
                "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n")
                .append("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>")
                .append(escape(title)).append("</title>\n<style>\n").append(STYLE)
                .append("</style>\n</head>\n<body>\n<h1>")
                .append(escape(title)).append("</h1>\n<dl>\n");
        facts.forEach((name, value) -> page.append("<dt>").append(escape(name)).append("</dt><dd>")
                .append(escape(value)).append("</dd>\n"));
        return page.append("</dl>\n");
    }

    /** Ends the page and returns its text. */
    public static String end(StringBuilder page) {
        return page.append("</body>\n</html>\n").toString();
    }

    /** Returns a text as HTML shows it. */
    public static String escape(String text) {
        return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\"", "&quot;");
    }
}
