// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

// Command server stands for the server that an editor installs in a container: it listens on loopback and
// on a socket, says where in its log, and upgrades connections that know its token.
package main

import (
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
)

func main() {
	socket := flag.String("socket-path", "", "listen on this socket, too")
	tokenFile := flag.String("connection-token-file", "", "what the token is in")
	flag.Parse()
	token, err := os.ReadFile(*tokenFile)
	if err != nil {
		log.Fatal(err)
	}
	there, err := net.Listen("unix", *socket)
	if err != nil {
		log.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("Extension host agent listening on %d\n", l.Addr().(*net.TCPAddr).Port)
	go func() { log.Fatal(http.Serve(there, upgrade(string(token)))) }()
	log.Fatal(http.Serve(l, upgrade(string(token))))
}

// upgrade switches to a protocol that sends everything back.
func upgrade(token string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("tkn") != token || r.Header.Get("Upgrade") != "echo" {
			http.Error(w, "Forbidden", http.StatusForbidden)
			return
		}
		c, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer c.Close()
		_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
		_, _ = io.Copy(c, buffered)
	})
}
