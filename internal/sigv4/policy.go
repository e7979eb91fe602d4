package sigv4

import (
	"crypto/subtle"
	"fmt"
	"time"
)

// maxPolicyAge is how long S3 takes signing keys of a day for good. How long a form may be
// sent is said by the expiration in its policy, which may be sooner.
const maxPolicyAge = 7 * 24 * time.Hour

// VerifyPolicy authenticates a browser form by the signature of its policy. get returns a
// field of the form by its name in lower case. What the policy allows, and until when, is
// not looked at. The error is of type [*Error].
func (v *Verifier) VerifyPolicy(get func(field string) (value string, ok bool)) (*Identity, error) {
	id, err := v.verifyPolicy(get)
	if err != nil {
		v.metrics.count(err.Code)
		return nil, err
	}
	v.metrics.count(resultOK)
	return id, nil
}

// policyFields sign a form, in the order in which S3 misses them.
var policyFields = []string{"policy", "x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-signature"}

func (v *Verifier) verifyPolicy(get func(string) (string, bool)) (*Identity, *Error) {
	if _, token := get("x-amz-security-token"); token {
		return nil, bad(CodeInvalidToken, messageToken).with(hint, hintSessionToken)
	}
	if _, v2 := get("awsaccesskeyid"); v2 {
		return nil, unsupported(hintV2)
	}
	values, given, missing := make(map[string]string, len(policyFields)), false, ""
	for _, name := range policyFields {
		value, ok := get(name)
		values[name] = value
		given = given || ok
		if !ok && missing == "" {
			missing = name
		}
	}
	switch {
	case !given:
		return nil, denied(CodeAccessDenied, messageAnonymous).with(hint, hintAnonymous)
	case missing != "":
		return nil, invalidArgument("Bucket POST must contain a field named '"+missing+
			"'.  If it is specified, please check the order of the fields.", missing, "")
	case values["x-amz-algorithm"] != algorithmV4:
		return nil, invalidArgument("Only AWS4-HMAC-SHA256 is supported", "X-Amz-Algorithm", values["x-amz-algorithm"])
	}
	c := claim{form: true, credential: values["x-amz-credential"], timestamp: values["x-amz-date"], signature: values["x-amz-signature"]}
	var ok bool
	if c.time, ok = parseTimestamp(c.timestamp); !ok {
		return nil, invalidArgument("X-Amz-Date must be formated via ISO8601 Long format", "X-Amz-Date", c.timestamp)
	}
	if err := c.parseCredential(v.opts.Region, v.opts.Service); err != nil {
		return nil, err
	}
	if today := c.timestamp[:len(c.date)]; today != c.date {
		return nil, c.malformed("Invalid credential date " + quoted(c.date) + ". This date is not the same as X-Amz-Date: " + quoted(today) + ".")
	}
	if v.opts.Now().Sub(c.time) > maxPolicyAge {
		return nil, denied(CodeAccessDenied, "Invalid according to Policy: Policy expired.")
	}
	key, err := v.checkPolicy(&c, values["policy"])
	if err != nil {
		return nil, err
	}
	return &Identity{
		AccessKey: c.accessKey, Region: c.region, Payload: PayloadUnsigned, ContentSHA256: unsignedPayload, Time: c.time,
		key: key, scope: c.scope, timestamp: c.timestamp, signature: c.signature,
	}, nil
}

// checkPolicy is checkSignature for a policy, which is its own string to sign.
func (v *Verifier) checkPolicy(c *claim, policy string) (*signingKey, *Error) {
	key, known, cached := v.signingKey(c)
	match := subtle.ConstantTimeCompare(key.appendSignature(nil, []byte(policy)), []byte(c.signature)) == 1
	switch {
	case !known:
		return nil, unknownKey(c.accessKey)
	case !match:
		return nil, signatureMismatch(c.accessKey).with("StringToSign", policy).
			with("SignatureProvided", printable(c.signature)).with("StringToSignBytes", hexBytes(policy))
	}
	if !cached {
		v.keys.add(key)
	}
	return key, nil
}

// hexBytes writes the bytes of s as S3's errors do.
func hexBytes(s string) string { return fmt.Sprintf("% x", s) }
