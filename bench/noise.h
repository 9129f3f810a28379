/* noise.h - the sealed channel from a client's side, for the load generator: Noise_NX_25519_ChaChaPoly_SHA256
 * with the prologue chat/1, then one message a line, REKEY after each (protocol.md).  All cryptography is
 * OpenSSL's.  The server's key is not compared with anything: this measures, it does not protect.
 */
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

struct cipher { uint8_t k[32]; uint64_t n; };
struct noise { EVP_PKEY *e; uint8_t h[32], ck[32]; struct cipher hs, in, out; bool sealed; };

static EVP_CIPHER_CTX *noise_ctx;
static uint8_t noise_dump[1 << 17];

static void n_fail(const char *what) { fprintf(stderr, "loadgen: sealing failed: %s\n", what); exit(1); }
/* ENCRYPT and DECRYPT (Noise, section 4.2 and 12.3); the tag stands behind the text. */
static int n_crypt(bool enc, const uint8_t *k, uint64_t n, const uint8_t *ad, int adlen, const uint8_t *in, int len, uint8_t *out) {
  uint8_t iv[12] = {0}; int got = 0, text = enc ? len : len - 16;
  if (text < 0) return -1;
  memcpy(iv + 4, &n, 8);
  if (!noise_ctx) { noise_ctx = EVP_CIPHER_CTX_new(); EVP_CipherInit_ex(noise_ctx, EVP_chacha20_poly1305(), NULL, NULL, NULL, enc); }
  EVP_CipherInit_ex(noise_ctx, NULL, NULL, k, iv, enc);
  if (adlen) EVP_CipherUpdate(noise_ctx, NULL, &got, ad, adlen);
  if (!enc) EVP_CIPHER_CTX_ctrl(noise_ctx, EVP_CTRL_AEAD_SET_TAG, 16, (void *)(in + text));
  EVP_CipherUpdate(noise_ctx, out, &got, in, text);
  if (EVP_CipherFinal_ex(noise_ctx, out + text, &got) != 1) return -1;
  if (enc) EVP_CIPHER_CTX_ctrl(noise_ctx, EVP_CTRL_AEAD_GET_TAG, 16, out + text);
  return enc ? len + 16 : text;
}
static int n_next(bool enc, struct cipher *c, const uint8_t *in, int len, uint8_t *out) {
  static const uint8_t zeros[32]; uint8_t k[48];
  int n = n_crypt(enc, c->k, c->n++, NULL, 0, in, len, out);
  n_crypt(true, c->k, UINT64_MAX, NULL, 0, zeros, 32, k); memcpy(c->k, k, 32);   /* REKEY */
  return n;
}
static void n_sha(const uint8_t *a, int al, const uint8_t *b, int bl, uint8_t *out) {
  EVP_MD_CTX *m = EVP_MD_CTX_new(); EVP_DigestInit_ex(m, EVP_sha256(), NULL);
  EVP_DigestUpdate(m, a, al); EVP_DigestUpdate(m, b, bl); EVP_DigestFinal_ex(m, out, NULL); EVP_MD_CTX_free(m); }
static void n_mix_hash(struct noise *z, const uint8_t *d, int n) { n_sha(z->h, 32, d, n, z->h); }
static void n_hkdf(const uint8_t *ck, const uint8_t *in, int n, uint8_t *o1, uint8_t *o2) {
  uint8_t t[32], b[33];
  HMAC(EVP_sha256(), ck, 32, in, n, t, NULL);
  HMAC(EVP_sha256(), t, 32, (uint8_t *)"\1", 1, o1, NULL); memcpy(b, o1, 32); b[32] = 2; HMAC(EVP_sha256(), t, 32, b, 33, o2, NULL); }
static void n_dh(struct noise *z, const uint8_t *peer) {
  uint8_t s[32]; size_t n = 32; EVP_PKEY *p = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, peer, 32);
  EVP_PKEY_CTX *x = EVP_PKEY_CTX_new(z->e, NULL);
  if (!p || EVP_PKEY_derive_init(x) != 1 || EVP_PKEY_derive_set_peer(x, p) != 1 || EVP_PKEY_derive(x, s, &n) != 1) n_fail("X25519");
  EVP_PKEY_CTX_free(x); EVP_PKEY_free(p);
  uint8_t ck[32]; n_hkdf(z->ck, s, 32, ck, z->hs.k); memcpy(z->ck, ck, 32); z->hs.n = 0;
}
static void n_open_hash(struct noise *z, const uint8_t *d, int n) {   /* DecryptAndHash, thrown away */
  if (n_crypt(false, z->hs.k, z->hs.n++, z->h, 32, d, n, noise_dump) != n - 16) n_fail("the answer does not open");
  n_mix_hash(z, d, n);
}
/* -> e */
static void n_begin(struct noise *z, uint8_t pub[32]) {
  size_t n = 32; z->e = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
  memcpy(z->h, "Noise_NX_25519_ChaChaPoly_SHA256", 32); memcpy(z->ck, z->h, 32);
  n_mix_hash(z, (uint8_t *)"chat/1", 6);
  EVP_PKEY_get_raw_public_key(z->e, pub, &n); n_mix_hash(z, pub, 32); n_mix_hash(z, pub, 0);
}
/* <- e, ee, s, es */
static void n_finish(struct noise *z, const uint8_t *m, int n) {
  uint8_t s[32];
  if (n != 96) n_fail("the answer has the wrong size");
  n_mix_hash(z, m, 32); n_dh(z, m);
  if (n_crypt(false, z->hs.k, z->hs.n, z->h, 32, m + 32, 48, s) != 32) n_fail("the server's key does not open");
  n_open_hash(z, m + 32, 48); n_dh(z, s); n_open_hash(z, m + 80, 16);
  n_hkdf(z->ck, NULL, 0, z->out.k, z->in.k); z->out.n = z->in.n = 0; z->sealed = true;
  EVP_PKEY_free(z->e);
}

/* base64url without padding */
static int n_b64(const uint8_t *s, int n, char *o) {
  static const char A[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"; char *p = o; int i = 0;
  for (; i + 2 < n; i += 3) { unsigned v = s[i] << 16 | s[i + 1] << 8 | s[i + 2];
    *p++ = A[v >> 18]; *p++ = A[v >> 12 & 63]; *p++ = A[v >> 6 & 63]; *p++ = A[v & 63]; }
  if (n - i == 1) { *p++ = A[s[i] >> 2]; *p++ = A[s[i] << 4 & 63]; }
  if (n - i == 2) { unsigned v = s[i] << 8 | s[i + 1]; *p++ = A[v >> 10]; *p++ = A[v >> 4 & 63]; *p++ = A[v << 2 & 63]; }
  return (int)(p - o);
}
static int n_unb64(const char *s, int n, uint8_t *o) {   /* writes a byte more than it tells */
  static uint32_t T[4][256]; static bool made; uint8_t *p = o; int i = 0; const uint8_t *u = (const uint8_t *)s;
  if (!made) { made = true; const char *A = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for (int k = 0; k < 4; k++) for (uint32_t c = 0; c < 64; c++) T[k][(uint8_t)A[c]] = __builtin_bswap32(c << (26 - 6 * k)); }
  for (; i + 3 < n; i += 4, p += 3) { uint32_t v = T[0][u[i]] | T[1][u[i + 1]] | T[2][u[i + 2]] | T[3][u[i + 3]]; memcpy(p, &v, 4); }
  if (n - i >= 2) { uint32_t v = T[0][u[i]] | T[1][u[i + 1]] | (n - i == 3 ? T[2][u[i + 2]] : 0); memcpy(p, &v, 4); p += n - i - 1; }
  return (int)(p - o);
}
#define SEALED_PLAIN_MAX 49134
