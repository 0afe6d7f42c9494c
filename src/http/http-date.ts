/** Times in HTTP headers. @spec RFC 9110 §5.6.7 */

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const TIME = "(\\d{2}):(\\d{2}):(\\d{2})";
const IMF_FIXDATE = new RegExp(`^[A-Z][a-z]{2}, (\\d{2}) ([A-Z][a-z]{2}) (\\d{4}) ${TIME} GMT$`);
const RFC_850 = new RegExp(`^[A-Z][a-z]+day, (\\d{2})-([A-Z][a-z]{2})-(\\d{2}) ${TIME} GMT$`);
const ASCTIME = new RegExp(`^[A-Z][a-z]{2} ([A-Z][a-z]{2}) ([ \\d]\\d) ${TIME} (\\d{4})$`);

/** Seconds since 1970; `undefined` for what is in none of the three forms that HTTP knows. */
export function parseHttpDate(text: string): number | undefined {
  const fixed = IMF_FIXDATE.exec(text);
  if (fixed !== null) return seconds(fixed[3], fixed[2], fixed[1], fixed.slice(4));
  const old = RFC_850.exec(text);
  // Two digits: Go takes 69 and more for the last century.
  if (old !== null) return seconds(`${Number(old[3]) >= 69 ? 19 : 20}${old[3]}`, old[2], old[1], old.slice(4));
  const asctime = ASCTIME.exec(text);
  return asctime === null ? undefined : seconds(asctime[6], asctime[1], asctime[2], asctime.slice(3, 6));
}

function seconds(
  year: string | undefined,
  monthName: string | undefined,
  day: string | undefined,
  time: readonly string[],
): number | undefined {
  const month = MONTHS.indexOf(monthName ?? "");
  const [hour = 0, minute = 0, second = 0] = time.map(Number);
  if (month === -1 || hour > 23 || minute > 59 || second > 59) return undefined;
  const date = new Date(Date.UTC(2000, month, Number(day), hour, minute, second));
  date.setUTCFullYear(Number(year), month, Number(day));
  return date.getUTCDate() === Number(day) ? date.getTime() / 1000 : undefined;
}
