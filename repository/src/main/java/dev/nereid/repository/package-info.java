/**
 * Model repositories: where models lie, which versions they have, and what changed since the last look. A repository is
 * a directory that somebody else may edit at any time; nothing here assumes that it holds still.
 */
@NullMarked
package dev.nereid.repository;

import org.jspecify.annotations.NullMarked;
