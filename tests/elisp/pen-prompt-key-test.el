;;; pen-prompt-key-test.el --- Keys of definitions at point -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Code:

(require 'ert)
(require 'pen-fixture)
(require 'pen-prompt-key)

(defconst pen-prompt-key-test--schema
  (expand-file-name "../../prompts/schema.json"
                    (file-name-directory (or load-file-name buffer-file-name)))
  "The schema as the service hands it out; a test of it compares them.")

(defmacro pen-prompt-key-test-at (text &rest body)
  "Run BODY in a buffer with TEXT, with point where it has a bar."
  (declare (indent 1) (debug t))
  `(let ((pen-prompt-key--schema nil))
     (pen-rpc-fake-with
         (list (list "prompts-schema" 'value
                     (with-temp-buffer
                       (insert-file-contents pen-prompt-key-test--schema)
                       (buffer-string))))
       (pen-prompt-key-fetch)
       (pen-fixture-until (lambda () pen-prompt-key--schema))
       (with-temp-buffer
         (insert ,text)
         (goto-char (point-min))
         (search-forward "|")
         (delete-char -1)
         ,@body))))

(defun pen-prompt-key-test-names ()
  "Return what may stand at point."
  (mapcar #'car (nth 2 (pen-prompt-key-complete))))

(ert-deftest pen-prompt-key-test-paths ()
  (pcase-dolist (`(,text . ,path)
                 '(("pen: 1\n|")
                   ("training:\n  |" "training")
                   ("training:\n  sources:\n  - |" "training" "sources")
                   ("training:\n  sources:\n  - {reader: org, |}" "training" "sources")
                   ("training:\n  steps:\n  - normalise: {|}" "training" "steps" "normalise")
                   ("vars:\n- jokes:\n    type: list\n    |" "vars" "jokes")
                   ("vars: [{tone: {type: choice, |}}]" "vars" "tone")
                   ("format: {prompt-end: \"{\", |}" "format")
                   ("vars:\n- a: {type: list}\n- b: {|" "vars" "b")
                   ("training:\n  example: {}\nti|")))
    (pen-prompt-key-test-at text
      (should (equal (cons text (pen-prompt-key-path)) (cons text path))))))

(ert-deftest pen-prompt-key-test-keys-of-each-place ()
  (pcase-dolist (`(,text ,there ,elsewhere)
                 '(("pen: 1\n|" "temperature" "prompt-end")
                   ("pen: 1\nformat: {|}" "prompt-end" "title")
                   ("pen: 1\nvars:\n- jokes:\n    |" "from" "title")
                   ("pen: 1\nvars: [{x: {|}}]" "choices" "title")
                   ("pen: 1\ntraining:\n  |" "sources" "title")
                   ("pen: 1\ntraining:\n  sources:\n  - {|}" "reader" "sources")
                   ("pen: 1\ntraining:\n  checks: {|}" "class-min" "reader")
                   ("pen: 1\nkind: dataset\n|" "sources" "temperature")))
    (pen-prompt-key-test-at text
      (let ((names (pen-prompt-key-test-names)))
        (should (equal (list text there (and (member there names) t)) (list text there t)))
        (should-not (member elsewhere names))))))

(ert-deftest pen-prompt-key-test-words-that-a-value-may-be ()
  (pcase-dolist (`(,text . ,words)
                 '(("pen: 1\nfilter: |" "on" "off" "yes" "no")
                   ("pen: 1\nvars:\n- x: {from: |}" "region")
                   ("pen: 1\ntraining:\n  sources:\n  - reader: |" "whatsapp" "org")))
    (pen-prompt-key-test-at text
      (let ((names (pen-prompt-key-test-names)))
        (dolist (word words)
          (should (member word names)))))))

(ert-deftest pen-prompt-key-test-a-finished-key-gets-its-colon ()
  (pen-prompt-key-test-at "pen: 1\ntempera|"
    (setq-local completion-at-point-functions '(pen-prompt-key-complete))
    (completion-at-point)
    (should (equal (buffer-string) "pen: 1\ntemperature: "))))

(ert-deftest pen-prompt-key-test-descriptions-stand-beside-keys ()
  (pen-prompt-key-test-at "pen: 1\n|"
    (let ((annotate (plist-get (nthcdr 3 (pen-prompt-key-complete)) :annotation-function)))
      (should (string-match-p "replaces the region" (funcall annotate "filter"))))))

(ert-deftest pen-prompt-key-test-nothing-is-known-before-the-service-says-it ()
  (with-temp-buffer
    (let ((pen-prompt-key--schema nil))
      (should-not (pen-prompt-key-complete)))))

(provide 'pen-prompt-key-test)
;;; pen-prompt-key-test.el ends here
