// Tables that are there already: a click on a head sorts the rows by that column.

document.getElementById("actions").append(themeButton(() => {}));

for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells], body = table.tBodies[0];
  heads.forEach((head, column) => {
    const button = h("button", { type: "button" }, head.textContent, h("span", { class: "arrow", "aria-hidden": "true" }));
    head.replaceChildren(button);
    head.setAttribute("aria-sort", "none");
    button.addEventListener("click", () => {
      const up = head.getAttribute("aria-sort") !== "ascending";
      for (const other of heads) other.setAttribute("aria-sort", "none");
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      body.append(...[...body.rows].sort((p, q) => (up ? 1 : -1) * order(p.cells[column].textContent, q.cells[column].textContent)));
    });
  });
}

// Numbers by size, words by letter, dashes last in either case.
function order(a, b) {
  const [x, y] = [Number(a), Number(b)];
  if (Number.isNaN(x) || Number.isNaN(y)) return a.localeCompare(b, "en", { numeric: true });
  return x - y;
}
