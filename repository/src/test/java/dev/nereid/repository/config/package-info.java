@NullMarked
package dev.nereid.repository.config;

import org.jspecify.annotations.NullMarked;
