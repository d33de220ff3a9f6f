@NullMarked
package dev.nereid.repository;

import org.jspecify.annotations.NullMarked;
