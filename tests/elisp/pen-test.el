;;; pen-test.el --- The face: autoloads, keys, mode line -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Code:

(require 'ert)
(require 'cl-lib)
(require 'seq)
(require 'pen)

(defvar pen-block-arguments)
(defvar pen-org-properties)
(defvar org-inhibit-startup)
(declare-function org-mode "org" ())
(declare-function org-export-as "ox" (backend &rest rest))

(defconst pen-test--elisp (file-name-directory (locate-library "pen"))
  "Where our files are.")

(defun pen-test--matches (regexp file)
  "Return what the first group of REGEXP matches in FILE, sorted."
  (let (found)
    (with-temp-buffer
      (insert-file-contents file)
      (while (re-search-forward regexp nil t)
        (push (match-string 1) found)))
    (sort found #'string<)))

(defun pen-test--cookies (file)
  "Return the names that FILE marks with autoload cookies."
  (append
   (pen-test--matches "^;;;###autoload\n(\\(?:cl-\\)?def[a-z-]+ \\([^ \n]+\\)" file)
   ;; Of a macro that is not loaded only such a form makes an autoload.
   (pen-test--matches "^;;;###autoload (autoload '\\([^ \n]+\\)" file)))

(ert-deftest pen-test-autoload-forms-equal-the-cookies ()
  (let ((cookies
         (mapcan #'pen-test--cookies
                 (seq-remove (lambda (file) (equal (file-name-nondirectory file) "pen.el"))
                             (directory-files pen-test--elisp t "\\.el\\'"))))
        (forms (pen-test--matches "^(autoload '\\([^ ]+\\)"
                                  (expand-file-name "pen.el" pen-test--elisp))))
    (should (equal (sort cookies #'string<) forms))))

(ert-deftest pen-test-autoload-forms-agree-with-the-files ()
  (with-temp-buffer
    (insert-file-contents (expand-file-name "pen.el" pen-test--elisp))
    (while (re-search-forward "^(autoload " nil t)
      (goto-char (match-beginning 0))
      (pcase-let ((`(,_ ',name ,file ,_ ,interactive) (read (current-buffer))))
        (require (intern file))
        (should (eq (and (commandp name) t) interactive))))))

(ert-deftest pen-test-the-face-loads-no-other-file-and-starts-nothing ()
  (with-temp-buffer
    (call-process (expand-file-name invocation-name invocation-directory) nil t nil
                  "-Q" "--batch" "-L" pen-test--elisp "-l" "pen" "--eval"
                  "(princ (list (seq-filter (lambda (f) (string-prefix-p \"pen-\" (symbol-name f))) features) (process-list)))")
    (should (equal (buffer-string) "(nil nil)"))))

(defun pen-test--fresh (directory form)
  "Return what a new Emacs with `user-emacs-directory' DIRECTORY prints for FORM."
  (with-temp-buffer
    (call-process (expand-file-name invocation-name invocation-directory) nil t nil
                  "-Q" "--batch" "-L" pen-test--elisp
                  "--eval" (format "(setq user-emacs-directory %S)" directory)
                  "-l" "pen" "--eval" (format "(princ %S)" form))
    (buffer-string)))

(ert-deftest pen-test-commands-of-definitions-are-there-before-anything-was-asked ()
  (should (equal (pen-test--fresh
                  "/proc/nowhere/"
                  '(list (commandp 'pf-pun-complete/1) (memq 'pen-command features)
                         (and (member "pf-fable/0" (all-completions "pf-" obarray #'commandp)) t)
                         (car (split-string (documentation 'pf-fable/0) ":"))
                         (progn (autoload-do-load (symbol-function 'pf-fable/0) 'pf-fable/0)
                                (autoloadp (symbol-function 'pf-fable/0)))
                         (process-list)))
                 "(t nil t Fable nil nil)")))

(ert-deftest pen-test-commands-that-the-service-spoke-of-go-before-those-of-pen ()
  (let ((directory (file-name-as-directory (make-temp-file "pen-test-" t))))
    (unwind-protect
        (progn
          (make-directory (expand-file-name "pen" directory))
          (with-temp-file (expand-file-name "pen/prompt-functions.eld" directory)
            (insert "(1 (\"pf-mine/2\" . \"Mine.\") (\"car\" . \"No.\"))\nnil\n"))
          (should (equal (pen-test--fresh directory
                                          '(list (commandp 'pf-mine/2) (fboundp 'pf-fable/0)
                                                 pen-prompt-functions (car '(1))))
                         "(t nil (pf-mine/2) 1)")))
      (delete-directory directory t))))

(ert-deftest pen-test-the-folder-is-a-package ()
  (let ((directory (file-name-as-directory (make-temp-file "pen-test-" t))))
    (unwind-protect
        (cl-flet ((run (&rest forms)
                    (with-temp-buffer
                      (apply #'call-process (expand-file-name invocation-name invocation-directory)
                             nil t nil "-Q" "--batch" "--eval"
                             (format "(setq package-user-dir %S user-emacs-directory %S)"
                                     (expand-file-name "elpa" directory) directory)
                             "-f" "package-initialize"
                             (mapcan (lambda (form) (list "--eval" (format "%S" form))) forms))
                      (buffer-string))))
          ;; Compiling is tested elsewhere, and takes long.
          (let ((said (run '(require 'bytecomp)
                           '(fset 'byte-recompile-directory #'ignore)
                           `(package-install-file ,pen-test--elisp))))
            (should-not (string-match-p "[Ee]rror" said)))
          (should (equal (run '(princ (list (mapcar #'car package-alist)
                                            (commandp 'pen-menu) (commandp 'pen-pun-complete)
                                            (commandp 'pf-pun-complete/1)
                                            (progn (require 'pen) (commandp 'pf-pun-complete/1))
                                            (progn (autoload-do-load (symbol-function 'pen-menu))
                                                   (featurep 'pen-menu)))))
                         "((pen) t t nil t t)")))
      (delete-directory directory t))))

(ert-deftest pen-test-mode-is-off-and-its-prefix-is-short ()
  (should-not (default-value 'pen-mode))
  (with-temp-buffer
    (pen-mode)
    (should (eq (key-binding (kbd "C-c ; p")) 'pen-pun-complete))
    (should (eq (key-binding (kbd "C-c ; f")) 'pen-finetune-region))))

(ert-deftest pen-test-mode-line-tells-what-runs ()
  (defvar pen-answer-activity)
  (defvar pen-job-activity)
  (let ((pen-answer-activity ":1/3")
        (pen-job-activity "[2 120/400]"))
    (should (equal (substring-no-properties (pen--mode-line)) " Pen:1/3[2 120/400]"))
    (let ((pen-mode-line nil))
      (should (equal (pen--mode-line) " Pen")))))

;;;; Options and the manual

(defun pen-test--options ()
  "Return every option of ours, (NAME FILE)."
  (mapcan (lambda (file)
            (mapcar (lambda (name) (list (intern name) (intern (file-name-base file))))
                    (pen-test--matches "^(defcustom \\([^ \n]+\\)" file)))
          (directory-files pen-test--elisp t "\\.el\\'")))

(ert-deftest pen-test-options-are-few-and-customize-loads-them-all ()
  (let ((options (pen-test--options)))
    (should (<= (length options) 25))
    (cl-letf (((symbol-function 'customize-group) #'ignore))
      (pen-customize))
    (dolist (option options)
      (should (custom-variable-p (car option)))
      (should (assq (car option) (get 'pen 'custom-group)))
      (should (string-match-p "\\.\\(?:\n\\|\\'\\)" (get (car option) 'variable-documentation))))))

(ert-deftest pen-test-options-with-paths-commands-models-and-keys-are-risky ()
  (mapc #'require pen-files)
  (dolist (option (mapcar #'car (pen-test--options)))
    (when (string-match-p "command\\|directory\\|-model\\|engine\\|-key-\\|libre\\|confirm\\|host\\|url\\|-prompt\\'"
                          (symbol-name option))
      (should (equal (list option t) (list option (risky-local-variable-p option)))))))

(defun pen-test--manual ()
  "Return the text of the manual."
  (with-temp-buffer
    (insert-file-contents (expand-file-name "../docs/pen.org" pen-test--elisp))
    (buffer-string)))

(ert-deftest pen-test-the-manual-names-every-command-option-and-header-argument ()
  (require 'ob-pen)
  (let ((manual (pen-test--manual)))
    (dolist (name (append (mapcar (lambda (option) (symbol-name (car option))) (pen-test--options))
                          (delete "org-babel-execute:pen"
                                  (pen-test--matches "^(autoload '\\([^ ]+\\)"
                                                     (expand-file-name "pen.el" pen-test--elisp)))
                          (mapcar (lambda (argument) (symbol-name (car argument)))
                                  pen-block-arguments)
                          (mapcar #'car pen-org-properties)
                          '("pen-mode" "pen-customize")))
      (should (string-match-p (concat "[ ~=(]" (regexp-quote name) "[]~=,) \n.]") manual)))))

(ert-deftest pen-test-the-manual-names-nothing-that-is-not-there ()
  (mapc #'require pen-files)
  (let ((manual (pen-test--manual)) (start 0))
    (while (string-match "~\\(\\(?:pen\\|prompt\\|ob\\|org\\)-[a-z-]+\\)~\\|M-x \\([a-z-]+\\)" manual start)
      (setq start (match-end 0))
      (let ((symbol (intern (or (match-string 1 manual) (match-string 2 manual)))))
        (should (or (fboundp symbol) (boundp symbol) (get symbol 'error-conditions)))))))

(ert-deftest pen-test-the-manual-s-keys-are-those-of-the-mode ()
  (let ((manual (pen-test--manual)) (start 0) (count 0))
    (while (string-match "\\([a-z-]+\\) (=C-c ; \\(.\\)=)" manual start)
      (setq start (match-end 0) count (1+ count))
      (should (equal (list (match-string 2 manual) (intern (match-string 1 manual)))
                     (list (match-string 2 manual)
                           (lookup-key pen-command-map (match-string 2 manual))))))
    (should (> count 7))))

(ert-deftest pen-test-the-manual-becomes-info ()
  (require 'ox-texinfo)
  (with-temp-buffer
    (insert (pen-test--manual))
    (let ((org-inhibit-startup t) (inhibit-message t))
      (delay-mode-hooks (org-mode))
      (let ((texinfo (org-export-as 'texinfo)))
        (should (string-match-p "@direntry" texinfo))
        (should (string-match-p "^@chapter Org blocks" texinfo))))))

(provide 'pen-test)
;;; pen-test.el ends here
