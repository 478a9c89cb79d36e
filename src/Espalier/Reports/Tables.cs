namespace Espalier.Reports;

/// <summary>The look all tables of a page share.</summary>
internal static class Tables
{
    /// <summary>A table whose first column names its rows. Wider than the screen it scrolls, also by keyboard.</summary>
    /// <param name="title">What it holds, read out before it; what the heading above it says needs no second line on the page.</param>
    /// <param name="head">Names of the columns.</param>
    /// <param name="rows">Cells, as many as there are columns.</param>
    internal static Html Draw(string title, IReadOnlyList<string> head, IEnumerable<IReadOnlyList<string>> rows) => Html.Of($"""
        <div class="wide" role="region" tabindex="0" aria-label="{title}"><table><thead><tr>{Html.Join(head.Select(Head))}</tr></thead>
        <tbody>{Html.Join(rows.Select(row => Html.Of($"<tr>{Html.Join(row.Select(Cell))}</tr>")))}</tbody></table></div>
        """);

    private static Html Head(string name) => name.Length == 0 ? Html.Of($"<td></td>") : Html.Of($"<th scope=\"col\">{name}</th>");

    private static Html Cell(string text, int column) => column == 0 ? Html.Of($"<th scope=\"row\">{text}</th>") : Html.Of($"<td>{text}</td>");
}
