/**
 * A LIKE pattern of the filter language as PostgreSQL's: ASCII letters in lower case, a backslash before what is literal.
 * Null for one that ends in its escape character, which nothing matches.
 */
export function likePattern(pattern: string, escape: string | undefined): string | null {
  let translated = '';
  let escaped = false;
  for (const character of pattern) {
    if (!escaped && character === escape) {
      escaped = true;
      continue;
    }
    if (!escaped && (character === '%' || character === '_')) translated += character;
    else if (character === '%' || character === '_' || character === '\\') translated += `\\${character}`;
    else translated += character.replace(/[A-Z]/, (letter) => letter.toLowerCase());
    escaped = false;
  }
  return escaped ? null : translated;
}
