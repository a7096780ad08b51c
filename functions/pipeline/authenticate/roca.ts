/** Primes of the published fingerprint of CVE-2017-15361. */
const PRIMES = [11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157];

/** Residues of the powers of 65,537, by prime: what the flawed generator's moduli are confined to. */
const POWERS = PRIMES.map((prime) => {
  const residues = new Set<number>();
  for (let value = 1; !residues.has(value); value = (value * 65_537) % prime) residues.add(value);
  return residues;
});

/**
 * Whether an RSA modulus has the form that the ROCA generator made (its keys can be factored). A good key has it with
 * a chance of about one in 2^28.
 */
export function hasRocaFingerprint(modulus: Uint8Array): boolean {
  return PRIMES.every((prime, at) => {
    let remainder = 0;
    for (const byte of modulus) remainder = (remainder * 256 + byte) % prime;
    return POWERS[at]?.has(remainder) === true;
  });
}
