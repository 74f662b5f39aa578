/// The style sheet of the results page: light, dark, and on paper.
enum PageStyle {
    static let css = """
        :root { color-scheme: light dark; --page: #fff; --text: #1c2024; --quiet: #5d6670;
          --grid: #e6e9ec; --level: #b9c1c9; --card: #f5f7f9; }
        .c0 { --ink: #0a62c9; } .c1 { --ink: #c2570c; } .c2 { --ink: #1d7f4e; }
        .c3 { --ink: #7c4dbd; } .c4 { --ink: #b8336a; } .c5 { --ink: #7a6a1a; }
        .c6 { --ink: #0d7f8c; } .c7 { --ink: #5f6b76; }
        @media screen and (prefers-color-scheme: dark) {
          :root { --page: #14171a; --text: #e8ebee; --quiet: #9aa5b0; --grid: #262b30;
            --level: #4a535c; --card: #1d2226; }
          .c0 { --ink: #5aa9ff; } .c1 { --ink: #f59a4d; } .c2 { --ink: #58c48d; }
          .c3 { --ink: #b694f0; } .c4 { --ink: #f07aa8; } .c5 { --ink: #d2bf5c; }
          .c6 { --ink: #4fc4d1; } .c7 { --ink: #a3b0bc; }
        }
        * { box-sizing: border-box; }
        body { margin: 0 auto; padding: 24px; max-width: 1010px; background: var(--page);
          color: var(--text); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; }
        h1 { font-size: 26px; line-height: 1.2; margin: 0 0 6px; overflow-wrap: anywhere; }
        h2 { font-size: 18px; margin: 0 0 2px; }
        header p, .note { color: var(--quiet); margin: 0 0 12px; overflow-wrap: anywhere; }
        section { margin: 34px 0 0; break-inside: avoid; }
        .cards { display: flex; flex-wrap: wrap; gap: 14px; margin-top: 22px; }
        .card { flex: 1 1 240px; background: var(--card); border-radius: 10px;
          padding: 14px 16px; break-inside: avoid; }
        .card h3 { margin: 0; font-size: 13px; font-weight: 600; color: var(--quiet); }
        .card p { margin: 2px 0 6px; font-size: 30px; font-weight: 650; line-height: 1.2;
          font-variant-numeric: tabular-nums; }
        .card small { font-size: 14px; font-weight: 400; color: var(--quiet); }
        .card ul { list-style: none; margin: 0; padding: 0; font-size: 14px; }
        .card li span { color: var(--ink); overflow-wrap: anywhere; }
        .scroll { overflow-x: auto; }
        svg { display: block; width: 100%; min-width: 640px; height: auto; }
        svg text { font-size: 13px; fill: var(--text); }
        svg .axis { fill: var(--quiet); }
        svg .grid { stroke: var(--grid); }
        svg .level { stroke: var(--level); stroke-dasharray: 3 3; }
        svg .zero { stroke: var(--level); }
        svg .leader { stroke: var(--ink); opacity: .45; }
        svg .curve { fill: none; stroke: var(--ink); stroke-width: 2; stroke-linejoin: round; }
        svg .curve.first { stroke-width: 3.5; }
        svg .mark { fill: var(--ink); stroke: var(--page); stroke-width: 1; }
        svg .faint { opacity: .35; }
        svg .name { fill: var(--ink); }
        svg .first { font-weight: 700; }
        svg .piece { fill: var(--ink); stroke: var(--page); stroke-width: 1; }
        svg .shade1 { fill-opacity: .62; } svg .shade2 { fill-opacity: .36; }
        svg .shade3 { fill-opacity: .5; } svg .shade4 { fill-opacity: .22; }
        svg .shade5 { fill-opacity: .75; }
        svg .inside { font-size: 11px; } svg .inside.light { fill: var(--page); }
        table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
        th, td { text-align: left; padding: 3px 10px 3px 0; border-bottom: 1px solid var(--grid); }
        .n { text-align: right; }
        thead th { color: var(--quiet); font-weight: 600; }
        tbody th { color: var(--ink); font-weight: 600; overflow-wrap: anywhere; }
        @media print {
          * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
          body { max-width: none; padding: 0; font-size: 12px; }
          section { margin-top: 18px; }
          svg { min-width: 0; }
          .card { flex-basis: 150px; }
          .scroll { overflow: visible; }
        }
        """
}
