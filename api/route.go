// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package api

import "net/url"

// ProtocolSSH is the Upgrade token (RFC 9110 section 7.8) of everything that becomes an SSH connection.
const ProtocolSSH = "ssh"

// Header names of the upgrade requests.
const (
	HeaderLocalUser = "Switchyard-Local-User" // client to controller: Grant.LocalUser
	HeaderSession   = "Switchyard-Session"    // controller to client, with the 101: the SessionID
	HeaderGrant     = "Switchyard-Grant"      // controller to runner: Grant.Encode
	HeaderProof     = "Switchyard-Proof"      // both ways between controller and runner
	HeaderClient    = "Switchyard-Client"     // client to controller: its version, for logs
)

// RunnerSSHPath is what a controller POSTs to on a runner's port.
const RunnerSSHPath = "/v1/ssh"

// Paths of the controller's API. Those with a name in them are functions, which escape it.
//
//	PathHealth, PathReady, PathMetrics, PathCA, PathWhoami   GET
//	PathUsers         GET List[User], POST CreateUser
//	PathUser          GET, PATCH UpdateUser
//	PathProjects      GET List[Project], POST CreateProject
//	PathProject       GET, PATCH UpdateProject, DELETE (only an empty one)
//	PathMember        PUT SetMember, DELETE
//	PathTokens        GET List[Token], POST CreateToken: CreatedToken
//	PathToken         GET, DELETE (revokes)
//	PathContainers    GET List[Container], POST CreateContainer: CreatedContainer
//	PathContainer     GET, PATCH UpdateContainer, DELETE (only an ended one)
//	PathContainerKey  GET ContainerKey
//	PathContainerEnd  POST EndContainer: Container
//	PathContainerSSH  POST, upgrade to ProtocolSSH; GET tells whether it would be refused
//	PathContainerRunner  POST ReportRunner: RunnerReported
//	PathSessions      GET List[Session]
//	PathSession       GET, DELETE (closes)
//	PathSettings      GET Settings, PATCH UpdateSettings: Settings
//
// A POST that makes a record answers 201, a DELETE, a PUT and that GET answer 204, all else 200.
const (
	PathHealth     = "/healthz"
	PathReady      = "/readyz"
	PathMetrics    = "/metrics"
	PathCA         = "/v1/ca" // query: token=<proof.TokenHandle>
	PathWhoami     = "/v1/whoami"
	PathUsers      = "/v1/users"
	PathProjects   = "/v1/projects"
	PathTokens     = "/v1/tokens"
	PathContainers = "/v1/containers"
	PathSessions   = "/v1/sessions"
	PathSettings   = "/v1/settings"
)

func PathUser(name string) string    { return PathUsers + "/" + url.PathEscape(name) }
func PathProject(name string) string { return PathProjects + "/" + url.PathEscape(name) }
func PathMember(project, user string) string {
	return PathProject(project) + "/members/" + url.PathEscape(user)
}
func PathToken(id TokenID) string               { return PathTokens + "/" + url.PathEscape(string(id)) }
func PathSession(id SessionID) string           { return PathSessions + "/" + url.PathEscape(string(id)) }
func PathContainer(ref Ref) string              { return PathContainers + "/" + url.PathEscape(string(ref)) }
func PathContainerSSH(ref Ref) string           { return PathContainer(ref) + "/ssh" }
func PathContainerKey(ref Ref) string           { return PathContainer(ref) + "/key" }
func PathContainerEnd(ref Ref) string           { return PathContainer(ref) + "/end" }
func PathContainerRunner(id ContainerID) string { return PathContainer(Ref(id)) + "/runner" }
