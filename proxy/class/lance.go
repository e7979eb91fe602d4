package class

import "strings"

// Builtin begins the names of the built-in rules.
const Builtin = "builtin: "

// Names of the built-in rules, as [Verdict.Rule] gives them.
const (
	RuleShardManifest = "builtin: shard manifests and their hint"
	RuleWAL           = "builtin: write-ahead log"
	RuleGeneration    = "builtin: below a generation"
	RuleHint          = "builtin: version hints"
	RuleData          = "builtin: lance data file"
	RuleIndex         = "builtin: lance index file"
	RuleDeletion      = "builtin: lance deletion file"
	RuleTransaction   = "builtin: lance transaction file"
	RuleDefault       = "builtin: everything else"
)

// builtin classifies by the names that Lance generates.
func builtin(key string) Verdict {
	if strings.HasSuffix(key, "/latest_version_hint.json") || strings.HasSuffix(key, "/version_hint.json") {
		return Verdict{Class: Never, Rule: RuleHint}
	}
	if i := strings.Index(key, "/_mem_wal/"); i >= 0 {
		return memWAL(key[i+len("/_mem_wal/"):])
	}
	return baseTable(key)
}

// memWAL classifies what follows "_mem_wal/": {shard}/manifest/.., {shard}/wal/..,
// {shard}/{generation}/...
func memWAL(rest string) Verdict {
	_, below, ok := strings.Cut(rest, "/")
	if !ok {
		return Verdict{Class: Revalidate, Rule: RuleDefault}
	}
	switch dir, _, _ := strings.Cut(below, "/"); dir {
	case "manifest":
		return Verdict{Class: Never, Rule: RuleShardManifest}
	case "wal":
		return Verdict{Class: Never, Rule: RuleWAL}
	}
	return Verdict{Class: Revalidate, Rule: RuleGeneration}
}

// baseTable classifies {..}.lance/{folder}/{name} by folder and shape of name.
func baseTable(key string) Verdict {
	other := Verdict{Class: Revalidate, Rule: RuleDefault}
	below, ok := belowTable(key)
	if !ok {
		return other
	}
	folder, name, ok := strings.Cut(below, "/")
	if !ok {
		return other
	}
	switch folder {
	case "data":
		if isDataFile(name) {
			return Verdict{Class: Immutable, Rule: RuleData}
		}
	case "_indices":
		uuid, file, ok := strings.Cut(name, "/")
		if ok && isUUID(uuid) && file != "" && !strings.Contains(file, "/") {
			return Verdict{Class: Immutable, Rule: RuleIndex}
		}
	case "_deletions":
		if isDeletionFile(name) {
			return Verdict{Class: Immutable, Rule: RuleDeletion}
		}
	case "_transactions":
		if isTransactionFile(name) {
			return Verdict{Class: Immutable, Rule: RuleTransaction}
		}
	}
	return other
}

// belowTable returns what follows the last component of key that ends in ".lance" and
// is more than that. It looks at slashes from the end, which strings.LastIndex, at every
// byte, does not do as fast: this is on the path of every hit.
func belowTable(key string) (below string, ok bool) {
	for end := len(key); ; {
		end = strings.LastIndexByte(key[:end], '/')
		if end < 0 {
			return "", false
		}
		if table, found := strings.CutSuffix(key[:end], ".lance"); found {
			return key[end+1:], table != "" && table[len(table)-1] != '/'
		}
	}
}

// isDataFile recognises 24 binary digits and 26 hex digits, or a UUID, before
// ".lance": the two ways Lance has drawn data file names.
func isDataFile(name string) bool {
	stem, ok := strings.CutSuffix(name, ".lance")
	if !ok {
		return false
	}
	return isUUID(stem) || (len(stem) == 50 && all(stem[:24], isBinary) && all(stem[24:], isHex))
}

// isDeletionFile recognises {fragment}-{read version}-{random id}.{arrow|bin}.
func isDeletionFile(name string) bool {
	stem, ok := strings.CutSuffix(name, ".arrow")
	if !ok {
		if stem, ok = strings.CutSuffix(name, ".bin"); !ok {
			return false
		}
	}
	parts := strings.Split(stem, "-")
	return len(parts) == 3 && isNumber(parts[0]) && isNumber(parts[1]) && isNumber(parts[2])
}

// isTransactionFile recognises {read version}-{uuid}.txn.
func isTransactionFile(name string) bool {
	stem, ok := strings.CutSuffix(name, ".txn")
	if !ok {
		return false
	}
	version, uuid, ok := strings.Cut(stem, "-")
	return ok && isNumber(version) && isUUID(uuid)
}

func isUUID(s string) bool {
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return false
	}
	for i := range len(s) {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			continue
		}
		if !isHex(s[i]) {
			return false
		}
	}
	return true
}

func isNumber(s string) bool { return s != "" && len(s) <= 20 && all(s, isDigit) }

func isDigit(c byte) bool  { return c >= '0' && c <= '9' }
func isBinary(c byte) bool { return c == '0' || c == '1' }
func isHex(c byte) bool    { return isDigit(c) || (c >= 'a' && c <= 'f') }

func all(s string, ok func(byte) bool) bool {
	for i := range len(s) {
		if !ok(s[i]) {
			return false
		}
	}
	return true
}
