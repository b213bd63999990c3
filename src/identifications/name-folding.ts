/** Letters that Unicode does not decompose, and those that are written one for the other. */
const LETTERS: Record<string, string> = {
  ...{ ß: 'ss', æ: 'ae', œ: 'oe', ø: 'o', ł: 'l', đ: 'd', ð: 'd', þ: 'th', ħ: 'h', ŧ: 't', ŋ: 'n', ı: 'i', ə: 'e' },
  ...{ ς: 'σ', ґ: 'г', ך: 'כ', ם: 'מ', ן: 'נ', ף: 'פ', ץ: 'צ' },
  ...{ ٱ: 'ا', ى: 'ي', ی: 'ي', ک: 'ك', ة: 'ه', ە: 'ه', ھ: 'ه', ہ: 'ه', ء: '', ـ: '' },
};
const OTHER_LETTERS = new RegExp(`[${Object.keys(LETTERS).join('')}]`, 'gu');

/** Whatever is written for an apostrophe, and the quotation mark in acronyms such as צה״ל. */
const APOSTROPHES = /['’‘ʼʻʾʿ`´′ʹ＇׳]|(?<=\p{L})["״”](?=\p{L})/gu;
/** Of alphabets that are also written without them. In others, as in Devanagari, a mark may be a vowel. */
const MARKS = /(?![\u3099\u309a])(?=\p{M})[\p{sc=Inherited}\p{sc=Hebrew}\p{sc=Arabic}\p{sc=Cyrillic}\p{sc=Syriac}]/gu;
const APOSTROPHE = "'";
const INVISIBLE = /\p{Cf}/gu;
const HYPHENS = /[\p{Pd}\u2212]/gu;
const KATAKANA = /[\u30a1-\u30f6]/g;
const ARABIC_DIGITS = /[\u0660-\u0669\u06f0-\u06f9]/g;
/** The point of `M.I.T.`, but not of `St. John`. */
const POINT_OF_INITIAL = /(?<![\p{L}\p{N}])(\p{L})\.(?=\p{L}(?:\.|[^\p{L}]|$))/gu;
/** Of which one types what another abbreviates. */
const SAINTS: Record<string, string> = { st: 'saint', saint: 'st', ste: 'sainte', sainte: 'ste' };
const NO_WORD = /[^\p{L}\p{N}\p{M}]+/gu;

/** Scripts that have no spaces between words, and Hangul, which joins them. */
const UNSPACED =
  /([\p{scx=Han}\p{scx=Hira}\p{scx=Kana}\p{scx=Hang}\p{scx=Thai}\p{scx=Laoo}\p{scx=Khmr}\p{scx=Mymr}]+)/u;
/** How many characters of such a text are looked at together. */
const LONGEST_RUN = 16;
const LONGEST_WORD = 100;
/** In characters; no index takes much longer texts, and some characters become twenty. */
const LONGEST_FOLDED = 255;

/** A name as it is searched for: texts with the same one differ only in how they are written. */
export function foldName(name: string): string {
  return cut(tidy(basic(name).replaceAll(APOSTROPHE, '').replace(POINT_OF_INITIAL, '$1')));
}

const cut = (folded: string) => Array.from(folded).slice(0, LONGEST_FOLDED).join('').trim();

/** The words that a name is found by, each from its beginning: more than it has where it can be read in several ways. */
export function wordsOf(name: string): string[] {
  const text = basic(name);
  const joined = text.replaceAll(APOSTROPHE, '').replace(HYPHENS, '');
  const readings = [foldName(name), cut(tidy(text.replaceAll(APOSTROPHE, ' '))), cut(tidy(joined))];
  const words = readings.flatMap((reading) => reading.split(' ')).flatMap(partsOf);
  return [
    ...new Set(words.flatMap((word) => [word, ...withoutArticle(word), ...(SAINTS[word] ? [SAINTS[word]] : [])])),
  ];
}

/** The words that are searched for. Names in scripts without spaces are found by any part of them. */
export function wordsSought(text: string): string[] {
  return [...new Set(foldName(text).split(' ').flatMap(runsOf).flatMap(chunksOf))].filter((word) => word !== '');
}

/** With an e, as German writes umlauts where there are none on the keyboard. */
const UMLAUTS: Record<string, string> = { ä: 'ae', ö: 'oe', ü: 'ue', Ä: 'Ae', Ö: 'Oe', Ü: 'Ue' };

/**
 * What a word that is searched for may be spelled like in a name, beside itself: `zuerich` in names like `zurich`, which is how
 * `Zürich` is folded, and `zurich` in names like `zuerich`, if it was typed as `Zürich`.
 */
export function otherSpellings(text: string, word: string): string[] {
  const written = text.normalize('NFC').replace(/[äöü]/giu, (letter) => UMLAUTS[letter] ?? letter);
  const expanded = wordsSought(written).find((one) => one !== word && withoutE(one) === word);
  return [...new Set([withoutE(word), ...(expanded === undefined ? [] : [expanded])])].filter((one) => one !== word);
}

const withoutE = (word: string) => word.replace(/([aou])e/g, '$1');

/** Whether a word is of a script that has spaces between words. */
export const isSpaced = (word: string) => !UNSPACED.test(word);

/** In one case, without marks, but with what stands between words. */
function basic(name: string): string {
  return name
    .replace(APOSTROPHES, APOSTROPHE)
    .normalize('NFKD')
    .toLowerCase()
    .replace(INVISIBLE, '')
    .normalize('NFKD')
    .replace(MARKS, '')
    .replace(OTHER_LETTERS, (letter) => LETTERS[letter] ?? letter)
    .replace(ARABIC_DIGITS, (digit) => String(digit.charCodeAt(0) & 15))
    .replace(KATAKANA, (letter) => String.fromCharCode(letter.charCodeAt(0) - 0x60))
    .normalize('NFC');
}

const tidy = (text: string) => text.replace(NO_WORD, ' ').trim();

/** A word, or what a text without spaces can be searched by: all that it ends with. */
function partsOf(word: string): string[] {
  return runsOf(word).flatMap((run) => {
    if (isSpaced(run)) return [Array.from(run).slice(0, LONGEST_WORD).join('')];
    const characters = Array.from(run);
    return characters.map((_, index) => characters.slice(index, index + LONGEST_RUN).join(''));
  });
}

const runsOf = (word: string) => word.split(UNSPACED).filter((run) => run !== '');

function chunksOf(run: string): string[] {
  const characters = Array.from(run);
  if (isSpaced(run)) return [characters.slice(0, LONGEST_WORD).join('')];
  const count = Math.ceil(characters.length / LONGEST_RUN);
  return Array.from({ length: count }, (_, index) =>
    characters.slice(index * LONGEST_RUN, (index + 1) * LONGEST_RUN).join(''),
  );
}

/** Arabic and Hebrew write the article, and short words before it, as a part of the word. */
function withoutArticle(word: string): string[] {
  const [, arabic] = /^(?:[وبكف]?ال|لل)(\p{L}{2,})$/u.exec(word) ?? [];
  const [, hebrew] = /^ו?[הבלמשכ](\p{Script=Hebrew}{3,})$/u.exec(word) ?? [];
  return [arabic, hebrew].filter((rest) => rest !== undefined);
}
