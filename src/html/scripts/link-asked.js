// The script of the page on which a link is asked for: it notes in this browser for which identification, to which the page of the link
// then leads back, here and nowhere else. It does so only when the form is sent, as anybody can lead to a page.

const form = /** @type {HTMLFormElement} */ (document.querySelector('form[data-for]'));
form.addEventListener('submit', () => {
  try {
    localStorage.setItem('asked-for', form.dataset.for ?? '');
  } catch {
    // Browsers that keep nothing are not led back.
  }
});
