package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/hearthcache/hearth/warm"
)

// choicesOf are the values of a flag that takes one of a few, or some of them as a list. nil means that anything goes.
func choicesOf(f *pflag.Flag) (values []string, list bool) {
	switch f.Name {
	case "roles":
		for _, r := range warm.Roles() {
			values = append(values, string(r))
		}
		return values, true
	case "format":
		if f.DefValue == formatTable {
			values = append(values, formatTable)
		}
		return append(values, "json", "csv", "arrow"), false
	}
	return map[string][]string{
		"auth": {"sigv4", "none"}, "log-level": {"debug", "info", "warn", "error"}, "log-format": {"json", "text"},
		"priority": {"low", "normal", "high"}, "metric": {"l2", "cosine", "dot"}, "operator": {"or", "and"},
		"statistics": {"global", "source"},
	}[f.Name], false
}

// completeFlags lets shells complete the values of flags, for cmd and the commands below it.
func completeFlags(cmd *cobra.Command) error {
	var fault error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		values, list := choicesOf(f)
		if values == nil || fault != nil {
			return
		}
		fault = cmd.RegisterFlagCompletionFunc(f.Name, func(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
			if !list {
				return values, cobra.ShellCompDirectiveNoFileComp
			}
			return rest(values, typed), cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
		})
	})
	for _, below := range cmd.Commands() {
		if fault == nil {
			fault = completeFlags(below)
		}
	}
	return fault
}

// rest are the ways to go on with a list: what was typed up to the last comma, with each value that it lacks.
func rest(values []string, typed string) []string {
	begun := typed[:strings.LastIndexByte(typed, ',')+1]
	given := strings.Split(begun, ",")
	var out []string
	for _, v := range values {
		if !slices.Contains(given, v) {
			out = append(out, begun+v)
		}
	}
	return out
}
