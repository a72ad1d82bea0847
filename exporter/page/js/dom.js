// Elements are made with their text as text, never as markup: customers choose their names themselves.

const SVG = "http://www.w3.org/2000/svg";

/** Return the element with an id. */
export function byId(id) {
  return document.getElementById(id);
}

/** Make an element; an attribute that is null or false is left out. */
export function element(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/** Make an element of a drawing. */
export function drawing(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

/** Set a text only if it differs, so that a selection and a screen reader are not disturbed. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Set an attribute only if it differs; null and false remove it. */
export function setAttribute(node, name, value) {
  if (value === null || value === undefined || value === false) {
    if (node.hasAttribute(name)) node.removeAttribute(name);
  } else if (node.getAttribute(name) !== String(value)) {
    node.setAttribute(name, String(value));
  }
}

/**
 * Make a parent's children match items: kept by key, so that focus stays where it is while numbers move.
 *
 * `update` gets a child and its item, also right after `create`.
 */
export function reconcile(parent, items, keyOf, create, update) {
  const known = new Map([...parent.children].map((child) => [child.reconcileKey, child]));
  let place = parent.firstElementChild;
  items.forEach((item, index) => {
    const key = keyOf(item, index);
    let child = known.get(key);
    if (child) known.delete(key);
    else child = Object.assign(create(item, index), { reconcileKey: key });
    update(child, item, index);
    if (child === place) place = place.nextElementSibling;
    else parent.insertBefore(child, place);
  });
  for (const child of known.values()) child.remove();
}

/**
 * Show a table: made once, then kept up to date in place.
 *
 * A column is {title, of: (item) => text or node, number, class}; the first one heads the row. `columns.rowAttributes`,
 * if it is there, returns an item's attributes.
 */
export function table(parent, caption, columns, items, keyOf) {
  let found = parent.querySelector("table");
  if (!found) {
    const heads = columns.map((column) => element("th", { scope: "col", class: classOf(column) }, column.title));
    found = element("table", {}, element("caption", { class: "hidden" }),
      element("thead", {}, element("tr", {}, ...heads)), element("tbody"));
    parent.replaceChildren(found);
  }
  setText(found.caption, caption);
  const create = () => element("tr", {}, ...columns.map((column, index) =>
    element(index ? "td" : "th", { scope: index ? null : "row", class: classOf(column) })));
  reconcile(found.tBodies[0], items, keyOf, create, (row, item, index) => {
    columns.forEach((column, place) => fill(row.cells[place], column.of(item, index)));
    for (const [name, value] of Object.entries(columns.rowAttributes?.(item) ?? {})) setAttribute(row, name, value);
  });
}

/** Show what stands in a table's place when there is nothing. */
export function empty(parent, text) {
  const note = parent.querySelector(":scope > .empty");
  if (note) setText(note, text);
  else parent.replaceChildren(element("p", { class: "empty" }, text));
}

function classOf(column) {
  return [column.number && "number", column.class].filter(Boolean).join(" ") || null;
}

function fill(cell, content) {
  if (content instanceof Node) {
    const old = cell.firstChild;
    if (!old || !old.isEqualNode(content)) cell.replaceChildren(content);
  } else {
    setText(cell, content);
  }
}

function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}
