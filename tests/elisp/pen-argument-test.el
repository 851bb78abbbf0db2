;;; pen-argument-test.el --- Where the text of a variable comes from -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Code:

(require 'ert)
(require 'org)
(require 'pen-fixture)
(require 'pen-argument)

(ert-deftest pen-argument-test-each-source-is-what-it-says ()
  (pen-fixture-in-buffer "* Head :tag:\npara one\npara two\n\nlast line"
    (delay-mode-hooks (org-mode))
    (goto-char (point-min))
    (search-forward "para t")
    (should (equal (pen-argument-source "line") "para two"))
    (should (equal (pen-argument-source "preceding-line") "para one"))
    (should (equal (pen-argument-source "preceding") "* Head :tag:\npara one\npara t"))
    (should (equal (pen-argument-source "surrounding")
                   "* Head :tag:\npara one\npara two\n\nlast line"))
    (should (equal (pen-argument-source "org-heading") "Head"))
    (should (equal (pen-argument-source "language") "org"))
    (should-not (pen-argument-source "region"))
    (should-not (pen-argument-source nil))
    (pen-fixture-mark 3 7)
    (should (equal (pen-argument-source "region") "Head")))
  (pen-fixture-in-buffer "one two.\n\nthree\nfour\n"
    (goto-char (point-min))
    (search-forward "three")
    (should (equal (string-trim (pen-argument-source "paragraph")) "three\nfour"))))

(ert-deftest pen-argument-test-blank-text-is-none-and-near-means-near ()
  (pen-fixture-in-buffer "   \n"
    (dolist (source '("line" "preceding" "surrounding" "preceding-line" "org-heading"))
      (should-not (pen-argument-source source))))
  (let ((pen-context-characters 4))
    (pen-fixture-in-buffer "abcdefgh"
      (goto-char 5)
      (should (equal (pen-argument-source "preceding") "abcd"))
      (should (equal (pen-argument-source "surrounding") "cdef")))))

(ert-deftest pen-argument-test-the-region-is-the-first-variable-only ()
  (pen-fixture-in-buffer "some text"
    (pen-fixture-mark 1 5)
    (cl-letf (((symbol-function 'read-string) (lambda (prompt &rest _) prompt)))
      (should (equal (pen-argument-read-all
                      '(:arity 2 :variables ((:name "a" :type "text")
                                             (:name "b" :type "text" :description "second"))))
                     '("some" "b (second): "))))))

(ert-deftest pen-argument-test-a-bool-and-a-choice-are-completed ()
  (cl-letf (((symbol-function 'completing-read) (lambda (_ choices &rest _) choices)))
    (should (equal (pen-argument-read '(:name "x" :type "bool")) '("true" "false")))
    (should (equal (pen-argument-read '(:name "x" :type "choice" :choices ("a"))) '("a")))))

(ert-deftest pen-argument-test-a-long-default-is-shown-in-part-and-given-whole ()
  (let ((example (concat "line one\n" (make-string 100 ?x))))
    (cl-letf (((symbol-function 'read-string)
               (lambda (prompt _initial _history default &rest _)
                 (should (< (length prompt) 70))
                 (should (string-match-p "line one⏎x+…" prompt))
                 default)))
      (should (equal (pen-argument-read (list :name "x" :type "text" :example example))
                     example)))))

(provide 'pen-argument-test)
;;; pen-argument-test.el ends here
