// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"

	"switchyard/api"
	"switchyard/controller/daemon"
)

// controllerCommand is "switchyardd controller".
func controllerCommand() *cobra.Command {
	var (
		o                    daemon.Options
		access               string
		logLevel, logFormat  string
		maxTotal, maxPerUser = 4096, 256
	)
	cmd := &cobra.Command{
		Use:   "controller --data-dir DIR",
		Short: "Run the controller: the API and the switchyard",
		Long: "Run the controller: the HTTPS API, its records, and the switchyard that joins users to containers.\n\n" +
			"The first start makes everything it needs in the data directory, and writes the first admin's token to a file there.\n" +
			"SIGTERM stops it: sessions may go on for --drain-timeout; a second SIGTERM cuts them. SIGHUP reads the TLS certificate again.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log, err := controllerLog(logLevel, logFormat)
			if err != nil {
				return usage(err)
			}
			o.Log, o.ShellAccess = log, api.ShellAccess(access)
			o.MaxSessions, o.MaxSessionsPerUser = maxTotal, maxPerUser
			o.Version = cmd.Root().Version
			if err := o.Check(); err != nil {
				return usage(err)
			}
			signals := make(chan os.Signal, 4)
			signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
			defer signal.Stop(signals)
			return daemon.Run(cmd.Context(), o, signals)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.DataDir, "data-dir", "", "directory of secrets and records, made with mode 0700 (required)")
	f.StringArrayVar(&o.Listen, "listen", []string{"127.0.0.1:8443"}, "address to listen on, \"host:port\" or \"unix:///path\"; may repeat")
	f.StringVar(&o.TLSCert, "tls-cert", "", "file of a TLS certificate chain, PEM, in place of the installation's own")
	f.StringVar(&o.TLSKey, "tls-key", "", "file of the certificate's private key, PEM")
	f.StringArrayVar(&o.TLSNames, "tls-name", nil, "further host name or IP address of the installation's own certificate; may repeat")
	f.StringVar(&access, "shell-access", "", fmt.Sprintf("set who may open sessions at all, one of %s (default: as it was, opt-out at first)", shellAccessValues()))
	f.IntVar(&maxTotal, "max-sessions", maxTotal, "sessions at once; 0: no limit")
	f.IntVar(&maxPerUser, "max-sessions-per-user", maxPerUser, "sessions of one user at once; 0: no limit")
	f.DurationVar(&o.DrainTimeout, "drain-timeout", daemon.DefaultDrainTimeout, "how long sessions may go on after SIGTERM")
	f.DurationVar(&o.KeepAlive, "keepalive", 0, "silence before a session's peers are probed, and between probes (default 15s)")
	f.StringVar(&logLevel, "log-level", "info", "trace, debug, info, warning or error")
	f.StringVar(&logFormat, "log-format", "text", "text or json")
	cobra.CheckErr(cmd.MarkFlagRequired("data-dir"))
	return cmd
}

func shellAccessValues() string {
	var s string
	for i, v := range api.ShellAccessValues {
		if i > 0 {
			s += ", "
		}
		s += string(v)
	}
	return s
}

// controllerLog writes to standard error, which belongs to whoever started the process.
func controllerLog(level, format string) (*logrus.Logger, error) {
	log := logrus.New()
	log.SetOutput(os.Stderr)
	l, err := logrus.ParseLevel(level)
	if err != nil {
		return nil, fmt.Errorf("--log-level %q is none of trace, debug, info, warning, error", level)
	}
	log.SetLevel(l)
	switch format {
	case "text":
		log.SetFormatter(&logrus.TextFormatter{FullTimestamp: true})
	case "json":
		log.SetFormatter(&logrus.JSONFormatter{})
	default:
		return nil, fmt.Errorf("--log-format %q is neither text nor json", format)
	}
	return log, nil
}
