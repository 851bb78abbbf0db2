;;; lint.el --- What `make lint' asks of the Lisp files -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; emacs -Q --batch -l tests/elisp/lint.el [FILE…]
;;
;; Without FILEs, all of elisp/, tests/elisp/ and demo/.  Byte-compiles with errors on
;; warnings, counts what checkdoc says (`checkdoc-file' itself always succeeds),
;; and looks for names that Emacs 28.1 lacks, for names of other packages, and
;; for files and definitions that have grown too long.  Every complaint is
;; FILE:LINE: TEXT on stderr; any complaint makes the exit status 1.

;;; Code:

(require 'bytecomp)
(require 'checkdoc)
(require 'check-declare)
(require 'seq)

(defconst pen-lint-root
  (file-name-directory
   (directory-file-name
    (file-name-directory
     (directory-file-name
      (file-name-directory (or load-file-name buffer-file-name))))))
  "The top of the checkout.")

(defconst pen-lint-most-lines 450 "A file with more lines is two files.")
(defconst pen-lint-most-lines-of-definition 40 "A definition with more is two.")

(defconst pen-lint-forbidden
  (concat "(" (regexp-opt '("defvar-keymap" "define-keymap" "keymap-set" "keymap-global-set"
                            "buttonize" "setopt" "with-undo-amalgamate" "make-vtable"
                            "seq-keep" "pos-eol" "pos-bol" "ert-with-temp-file"
                            "ert-with-temp-directory" "string-pixel-width" "plistp"
                            "use-package" "package-vc-install")
                          t)
          "\\_>\\|(sqlite-\\|(treesit-\\|\\_<e" "pc:")
  "Names of Emacs after 28.1, and of the Lisp client that is not ours.")

(defvar pen-lint-count 0 "How many complaints there were.")

(defun pen-lint-say (file line text)
  "Complain about LINE of FILE with TEXT."
  (setq pen-lint-count (1+ pen-lint-count))
  (message "%s:%d: %s" (file-relative-name file pen-lint-root) line text))

(defun pen-lint-generated-p (file)
  "Return non-nil if FILE is made by a program."
  (equal (file-name-nondirectory file) "pen-rpc-methods.el"))

(defun pen-lint-compile (file)
  "Byte-compile FILE into a directory that is thrown away."
  (let* ((directory (make-temp-file "pen-lint-" t))
         (byte-compile-error-on-warn t)
         (byte-compile-dest-file-function
          (lambda (_) (expand-file-name "out.elc" directory))))
    (unwind-protect
        (unless (eq t (byte-compile-file file))
          (pen-lint-say file 1 "does not byte-compile in silence; see above"))
      (delete-directory directory t))))

(defun pen-lint-checkdoc (file)
  "Have checkdoc read FILE."
  (let* ((checkdoc-autofix-flag nil)
         (checkdoc-spellcheck-documentation-flag nil)
         (checkdoc-create-error-function
          (lambda (text start _end &optional _unfixable)
            (pen-lint-say file (if start (line-number-at-pos start) 1) text)
            nil)))
    (with-current-buffer (find-file-noselect file)
      (checkdoc-current-buffer t))))

(defun pen-lint-declarations (file)
  "See that the functions which FILE declares are where it says.
Those of Emacs itself, whose source may not be installed, are left out."
  (pcase-dolist (`(,where . ,errors) (let ((inhibit-message t))
                                       (check-declare-file file)))
    (pcase-dolist (`(,_ ,name ,wrong . ,_) errors)
      (unless (equal wrong "file not found")
        (pen-lint-say file 1 (format "%s is declared to be in %s: %s" name where wrong))))))

(defun pen-lint-text (file)
  "Look in FILE for forbidden names, and for too many lines."
  (with-temp-buffer
    (insert-file-contents file)
    (emacs-lisp-mode)
    (while (re-search-forward pen-lint-forbidden nil t)
      (unless (nth 8 (syntax-ppss))
        (pen-lint-say file (line-number-at-pos)
                      (format "%s is not for Emacs 28.1 alone" (match-string 0)))))
    (unless (pen-lint-generated-p file)
      (pen-lint-length file))))

(defun pen-lint-length (file)
  "Look for too many lines in this buffer, the text of FILE."
  (let ((lines (count-lines (point-min) (point-max))))
    (when (> lines pen-lint-most-lines)
      (pen-lint-say file lines (format "a file of %d lines" lines))))
  (goto-char (point-min))
  (while (re-search-forward "^(\\(?:cl-\\)?def" nil t)
    (let* ((start (line-beginning-position))
           (lines (save-excursion (goto-char start)
                                  (forward-sexp)
                                  (count-lines start (point)))))
      (when (> lines pen-lint-most-lines-of-definition)
        (pen-lint-say file (line-number-at-pos start)
                      (format "a definition of %d lines" lines))))))

(defun pen-lint-files ()
  "Return the files to look at: those on the command line, or all of ours."
  (prog1 (or (mapcar #'expand-file-name command-line-args-left)
             (seq-remove
              (lambda (file) (string-match-p "/\\.#" file))
              (seq-mapcat (lambda (directory)
                            (directory-files (expand-file-name directory pen-lint-root)
                                             t "\\.el\\'"))
                          '("elisp" "tests/elisp" "demo"))))
    (setq command-line-args-left nil)))

(defun pen-lint ()
  "Look at every file and leave Emacs with 0 if all are well, else 1."
  (add-to-list 'load-path (expand-file-name "elisp" pen-lint-root))
  (add-to-list 'load-path (expand-file-name "tests/elisp" pen-lint-root))
  (dolist (file (pen-lint-files))
    (let ((ours (string-prefix-p (expand-file-name "elisp/" pen-lint-root) file)))
      (pen-lint-compile file)
      (when ours
        (unless (pen-lint-generated-p file)
          (pen-lint-checkdoc file)
          (pen-lint-declarations file))
        (pen-lint-text file))))
  (kill-emacs (if (zerop pen-lint-count) 0 1)))

(when noninteractive
  (pen-lint))

(provide 'lint)
;;; lint.el ends here
