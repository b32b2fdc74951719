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
      const text = (row) => row.cells[column].textContent;
      body.append(...[...body.rows].sort((p, q) => order(text(p), text(q), up ? 1 : -1)));
    });
  });
}

// Numbers by size, words by letter; dashes come last in either direction.
function order(a, b, sign) {
  if (a === "-" || b === "-") return (a === "-") - (b === "-");
  const isNumber = !Number.isNaN(Number(a)) && !Number.isNaN(Number(b));
  return sign * (isNumber ? a - b : a.localeCompare(b, "en", { numeric: true }));
}
