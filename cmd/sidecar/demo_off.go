//go:build noembedded

package main

import "github.com/spf13/cobra"

// demoCommand is nil: the demo runs on the embedded store, which this build leaves out.
func (p *process) demoCommand() *cobra.Command { return nil }
