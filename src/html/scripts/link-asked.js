// The script of the page that says that a link is on its way: it notes in this browser for which identification, to which the page of
// the link then leads back, here and nowhere else.

const asked = /** @type {HTMLElement} */ (document.querySelector('[data-for]'));
try {
  localStorage.setItem('asked-for', asked.dataset.for ?? '');
} catch {
  // Browsers that keep nothing are not led back.
}
