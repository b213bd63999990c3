const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const twoDigits = (value: number) => String(value).padStart(2, '0');

/** @returns such as `10 Oct 2015`, in UTC */
export function dateOnly(date: Date): string {
  return `${twoDigits(date.getUTCDate())} ${MONTHS[date.getUTCMonth()] ?? ''} ${date.getUTCFullYear()}`;
}

/** @returns such as `10 Oct 2015 - 12:12`, in UTC */
export function dateAndTime(date: Date): string {
  return `${dateOnly(date)} - ${twoDigits(date.getUTCHours())}:${twoDigits(date.getUTCMinutes())}`;
}
