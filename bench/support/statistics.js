/** The value below which the given share (0 to 1) of the values lies. */
export function quantile(values, share) {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}

export function median(values) {
  const sorted = [...values].sort((one, other) => one - other);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** The median and the middle half of some values: their quartiles. */
export function summary(values) {
  const ranked = [...values].sort((one, other) => one - other);
  const at = (share) => {
    const position = (ranked.length - 1) * share;
    const [low, high] = [ranked[Math.floor(position)], ranked[Math.ceil(position)]];
    return low + (high - low) * (position - Math.floor(position));
  };
  return { median: at(0.5), low: at(0.25), high: at(0.75) };
}

export const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

export const ms = (value) => `${value.toFixed(1)} ms`;

/** Three digits that count, with commas: 12,345, 123, 12.3, 0.123. */
export function figure(value) {
  if (!Number.isFinite(value)) return '–';
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en');
  const digits = value === 0 ? 0 : Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toFixed(Math.min(digits, 4));
}

/** `median (low–high)` */
export const middle = ({ median: value, low, high }) => `${figure(value)} (${figure(low)}–${figure(high)})`;
