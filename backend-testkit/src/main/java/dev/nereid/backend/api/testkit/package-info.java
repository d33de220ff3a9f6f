/**
 * The contract test kit: an author extends {@link dev.nereid.backend.api.testkit.BackendContractTest} and gets tests of
 * everything the server expects of a backend, without a server. {@link dev.nereid.backend.api.testkit.TestEngine} stands
 * in for the server and is strict about the rules; {@link dev.nereid.backend.api.testkit.FakeBackend} stands in for a
 * backend and is strict about what an engine promises.
 */
@NullMarked
package dev.nereid.backend.api.testkit;

import org.jspecify.annotations.NullMarked;
