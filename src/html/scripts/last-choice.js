// The script of the page on which visitors say where they are from: it remembers their choice in this browser, by its id, and offers it
// the next time.

const KEY = 'institution';
const last = document.getElementById('last');
const form = /** @type {HTMLFormElement | null} */ (document.querySelector('form[data-institution]'));

/** @returns {string | null} what is remembered; null also where browsers keep nothing */
function remembered() {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}

/** @param {string | undefined} id undefined: it is forgotten */
function remember(id) {
  try {
    if (id === undefined) localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, id);
  } catch {
    // Browsers that keep nothing remember nothing.
  }
}

/**
 * Offers an institution as the server knows it today, if it does: it may have been renamed, or be gone.
 *
 * @param {HTMLElement} place
 * @param {string} id
 */
async function offer(place, id) {
  const address = new URL(location.href);
  address.searchParams.set('last', id);
  const answer = await fetch(address);
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
  const offered = page.getElementById('last');
  if (!offered?.querySelector('a')) {
    remember(undefined);
    return;
  }
  place.replaceChildren(...offered.childNodes);
  place.querySelector('button')?.addEventListener('click', () => {
    remember(undefined);
    place.replaceChildren();
    document.getElementById('q')?.focus();
  });
}

const id = remembered();
// An offer that could not be made is none.
if (last && id !== null) offer(last, id).catch(() => undefined);

const choice = /** @type {HTMLInputElement | null} */ (document.getElementById('remember'));
if (form && choice) {
  choice.closest('p')?.removeAttribute('hidden');
  form.addEventListener('submit', () => {
    if (choice.checked) remember(form.dataset.institution);
    else if (remembered() === form.dataset.institution) remember(undefined);
  });
}
