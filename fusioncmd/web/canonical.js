/* MessagePack that has one spelling, so that two programs that both check a signature cannot read two orders.
 *
 * The counterpart of fusioncmd/trust/canonical.py; `Untrusted` is the one exception of this package.
 */

export class Untrusted extends Error {
  constructor(reason) {
    super(reason);
    this.reason = reason;
  }
}

export const refuse = (reason) => {
  throw new Untrusted(reason);
};

/* Reads `bytes`, of `bytesMax` at most, from the front: lengths and numbers as short as can be, and nothing behind the
 * end. Each method reads one value of the kind and within the bounds asked for, or refuses. */
export class Reader {
  constructor(bytes, bytesMax) {
    if (bytes.length > bytesMax) refuse("size");
    this.bytes = bytes;
    this.at = 0;
  }

  take(size) {
    if (size > this.bytes.length - this.at) refuse("bytes");
    this.at += size;
    return this.bytes.subarray(this.at - size, this.at);
  }

  uint(size, least) {
    const value = this.take(size).reduce((sum, byte) => sum * 256 + byte, 0);
    return value >= least ? value : refuse("bytes");
  }

  /* From one of `count` heads from `first` on, or from the byte behind head `one`, or from the two behind `two`. */
  length(first, count, one, two) {
    const [head] = this.take(1);
    if (head >= first && head < first + count) return head - first;
    if (head === one) return this.uint(1, count);
    return head === two ? this.uint(2, one ? 256 : count) : refuse("bytes");
  }

  bin(min, max) {
    const size = this.length(0, 0, 0xc4, 0xc5);
    return size >= min && size <= max ? this.take(size) : refuse("bytes");
  }

  /* `min` and `max` count characters (Unicode scalar values). */
  str(min, max) {
    const bytes = this.take(this.length(0xa0, 32, 0xd9, 0xda));
    let text = "";
    try {
      text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch {
      refuse("bytes");
    }
    const { length } = [...text];
    return length >= min && length <= max ? text : refuse("bytes");
  }

  match(pattern, max) {
    const text = this.str(1, max);
    return pattern.test(text) ? text : refuse("bytes");
  }

  word(words) {
    const text = this.str(1, 64);
    return words.includes(text) ? text : refuse("bytes");
  }

  int(min, max) {
    const [head] = this.take(1), width = [0xcc, 0xcd, 0xce, 0xcf].indexOf(head);
    if (head >= 128 && width < 0) refuse("bytes");
    const value = head < 128 ? head : this.uint(2 ** width, [128, 256, 2 ** 16, 2 ** 32][width]);
    return value >= min && value <= max ? value : refuse("bytes");
  }

  bool() {
    const [head] = this.take(1);
    return head === 0xc2 || head === 0xc3 ? head === 0xc3 : refuse("bytes");
  }

  optional(read) {
    return this.bytes[this.at] === 0xc0 ? (this.take(1), null) : read();
  }

  array(min, max, read) {
    const size = this.length(0x90, 16, 0, 0xdc);
    return size >= min && size <= max ? Array.from({ length: size }, read) : refuse("bytes");
  }

  /* An array of exactly so many elements, the first of which is `tag`, if there is one. */
  tuple(size, tag) {
    if (this.length(0x90, 16, 0, 0xdc) !== size || (tag && this.str(1, 64) !== tag)) refuse("bytes");
  }

  size() {
    return this.length(0x80, 16, 0, 0xde);
  }

  key(name) {
    if (this.str(1, 64) !== name) refuse("bytes");
  }

  end(value) {
    return this.at === this.bytes.length ? value : refuse("bytes");
  }
}
