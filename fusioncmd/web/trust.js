/* What a sealed order proves, in a browser: the rules of fusioncmd/trust (PROTOCOL.md, 10), by WebCrypto alone.
 *
 * `verify` gives the order, or throws `Untrusted` with one of the reasons of fusioncmd/trust/refusals.py, on any bytes.
 * It knows no clock: the time is an argument. A rule that changes here changes there, and the other way round:
 * tests/test_web_trust.py holds the two against each other, forgery by forgery.
 */

import { refuse, Untrusted } from "./canonical.js";
import { OPEN_S_MAX, readGrant, readOrder, readRevocation, readRoot, readSealed, readStatement } from "./forms.js";

export { Untrusted };

const ROOTS_MAX = 8, CLOCK_APART_MS_MAX = 3600000, CLOCK_SKEW_MS_MAX = 300000;
const UNPRINTABLE = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/u;
// Not `trim`, which takes U+FEFF for a space, and U+001C to U+001F and U+0085 for none.
const VISIBLE = /[^\t-\r \x1c-\x1f\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/u;

const hex = (bytes) => Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
const same = (a, b) => a !== null && b !== null && hex(a) === hex(b);
const within = (names, all) => names.every((name) => all.includes(name));

function joined(...parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  parts.reduce((at, part) => (whole.set(part, at), at + part.length), 0);
  return whole;
}
const domain = (name) => new TextEncoder().encode(`fusioncmd/${name}/1\0`);

async function nameOf(body) {
  const digest = await crypto.subtle.digest("SHA-256", joined(domain("grant-name"), body));
  return new Uint8Array(digest).subarray(0, 16);
}

const fromLittleEndian = (bytes) => BigInt("0x" + hex(bytes.slice().reverse()));
const P = 2n ** 255n - 19n, L = 2n ** 252n + 27742317777372353535851937790883648493n;
const ORDER_8 = BigInt("0x05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826");
const SMALL_ORDER = [0n, 1n, P - 1n, ORDER_8, P - ORDER_8]; // the y of all eight points

function checkKey(algorithm, key) {
  if (algorithm !== "ed25519") refuse("algorithm");
  const y = fromLittleEndian(key) & (2n ** 255n - 1n);
  if (key.length !== 32 || y >= P || SMALL_ORDER.includes(y)) refuse("key");
}

async function checkSignature(grant, signature, purpose, by, body) {
  checkKey(grant.algorithm, grant.key);
  let good = signature.length === 64 && fromLittleEndian(signature.subarray(32)) < L;
  if (good) {
    try {
      const key = await crypto.subtle.importKey("raw", grant.key, { name: "Ed25519" }, false, ["verify"]);
      good = await crypto.subtle.verify({ name: "Ed25519" }, key, signature, joined(domain(purpose), by, body));
    } catch (error) {
      if (error.name === "NotSupportedError") throw error; // no Ed25519 here: that is not the order's fault
      good = false; // no point of the curve
    }
  }
  if (!good) refuse("signature");
}

function checkNarrower(above, below) {
  if (!above.may_delegate) refuse("delegation");
  if (!below.path.startsWith(above.path)) refuse("scope");
  if (!within(below.statuses, above.statuses)) refuse("mode");
  if (!within(below.purposes, above.purposes)) refuse("purpose");
  if (below.not_before_ms < above.not_before_ms || below.not_after_ms > above.not_after_ms) refuse("validity");
}

/* The roots, each signed by itself, as one-grant chains by name. */
async function readRoots(roots) {
  const found = new Map();
  if (roots.length < 1 || roots.length > ROOTS_MAX) refuse("root");
  for (const bytes of roots) {
    const { body, signature } = readRoot(bytes), grant = readGrant(body), name = await nameOf(body);
    if (grant.above.some((byte) => byte !== 0) || !grant.may_delegate) refuse("root");
    await checkSignature(grant, signature, "grant", grant.above, body);
    found.set(hex(name), { grants: [grant], names: [name] });
  }
  return found;
}

/* The chain that leads from a root down to the grant called `name`. */
async function prove(name, signed, roots) {
  const root = roots.get(hex(signed.length ? readGrant(signed[0].body).above : name));
  if (!root) refuse("root");
  const grants = [...root.grants], names = [...root.names];
  for (const { body, signature } of signed) {
    const above = grants.at(-1), grant = readGrant(body);
    if (!same(grant.above, names.at(-1))) refuse("chain");
    await checkSignature(above, signature, "grant", names.at(-1), body);
    checkNarrower(above, grant);
    if (grants.some((higher) => same(higher.key, grant.key))) refuse("key");
    checkKey(grant.algorithm, grant.key);
    grants.push(grant);
    names.push(await nameOf(body));
  }
  return same(names.at(-1), name) ? { grants, names, leaf: grants.at(-1) } : refuse("chain");
}

async function checkSeal(seal, purpose, body, roots) {
  const chain = await prove(seal.by, seal.chain, roots);
  if (seal.algorithm !== chain.leaf.algorithm) refuse("algorithm");
  await checkSignature(chain.leaf, seal.signature, purpose, seal.by, body);
  return chain;
}

/* The grant that a revocation ends, and the key as well where its holder revoked it: names and keys in hex. */
async function ends(statement, roots) {
  const { body, seal } = readStatement(statement), revoker = await checkSeal(seal, "revoke", body, roots);
  const signed = readRevocation(body), target = await prove(await nameOf(signed.at(-1).body), signed, roots);
  const name = target.names.at(-1);
  if (!revoker.names.every((one, i) => target.names[i] && same(one, target.names[i]))) refuse("scope");
  return same(name, revoker.names.at(-1)) ? [hex(name), hex(target.leaf.key)] : [hex(name)];
}

async function readRevocations(statements, roots) {
  const ended = new Set();
  for (const bytes of statements) {
    try {
      (await ends(bytes, roots)).forEach((one) => ended.add(one));
    } catch (error) {
      if (!(error instanceof Untrusted)) throw error; // what proves nothing ends nothing, and keeps no order out
    }
  }
  return ended;
}

function checkRight({ leaf, grants, names }, purpose, order, ended) {
  if (!leaf.purposes.includes(purpose)) refuse("purpose");
  if (leaf.statuses.length !== 1 || leaf.statuses[0] !== order.status) refuse("mode");
  if (![order.node, ...order.audience.nodes].every((code) => code.startsWith(leaf.path))) refuse("scope");
  if (order.issued_ms < leaf.not_before_ms || order.issued_ms > leaf.not_after_ms) refuse("validity");
  if (names.some((name) => ended.has(hex(name))) || grants.some((one) => ended.has(hex(one.key)))) refuse("revoked");
}

function checkForm(order) {
  const follows = order.msg_type !== "alert", texts = [order.text, order.issuer, ...order.answers];
  const good =
    (order.refs !== null) === follows && (order.root !== null) === follows &&
    !same(order.id, order.refs) && !same(order.id, order.root) &&
    new Set(order.audience.nodes.map((code) => code.slice(0, 2))).size === 1 &&
    new Set(order.answers).size === order.answers.length && !(order.msg_type === "cancel" && order.answers.length) &&
    order.receive_within_s <= order.answer_within_s && order.answer_within_s <= order.open_s &&
    VISIBLE.test(order.text) && !texts.some((text) => UNPRINTABLE.test(text));
  if (!good) refuse("form");
}

function checkTime(order, nowMs) {
  const madeMs = order.id.subarray(0, 6).reduce((sum, byte) => sum * 256 + byte, 0);
  if (Math.abs(madeMs - order.issued_ms) > CLOCK_APART_MS_MAX) refuse("id_time");
  if (order.issued_ms > nowMs + CLOCK_SKEW_MS_MAX) refuse("future");
  // A cancel is good for as long as anybody may show what it ends.
  const openS = order.msg_type === "cancel" ? OPEN_S_MAX : order.open_s;
  if (nowMs >= order.issued_ms + openS * 1000) refuse("expired");
}

/* What `sealed` (bytes) proves at `nowMs` to whoever believes `roots` (bytes of signed grants) and has heard
 * `revocations` (bytes of statements): the order, and who issued and who approved it. */
export async function verify(sealed, roots, nowMs, revocations = []) {
  const given = readSealed(sealed), anchors = await readRoots(roots);
  const ended = await readRevocations(revocations, anchors);
  const signer = await checkSeal(given.seal, "issue", given.body, anchors), order = readOrder(given.body);
  if (order.issuer !== signer.leaf.holder) refuse("issuer");
  checkRight(signer, "issue", order, ended);
  const chains = [signer];
  for (const approval of given.approvals) {
    const other = await checkSeal(approval, "approve", given.body, anchors);
    if (chains.some(({ leaf }) => leaf.holder === other.leaf.holder || same(leaf.key, other.leaf.key))) {
      refuse("same_person");
    }
    checkRight(other, "approve", order, ended);
    chains.push(other);
  }
  checkForm(order);
  checkTime(order, nowMs);
  return { order, holder: signer.leaf.holder, approvers: chains.slice(1).map((chain) => chain.leaf.holder) };
}
