;;; pen-preview.el --- Text that is shown but not inserted -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; Candidates stream into the `after-string' of an overlay: the buffer, its undo
;; list and its modified flag stay as they are until one of them is accepted,
;; which is one change.  The keys of `pen-preview-map' work while point is at the
;; preview; moving away or typing closes it and stops its request.

;;; Code:

(require 'cl-lib)
(require 'seq)
(require 'subr-x)
(require 'pen-rpc)
(require 'pen-redraw)
(require 'pen-stream)
(require 'pen-context)

;;;; Faces

(defface pen-ghost '((t :inherit shadow :slant italic))
  "Text of a completion that was not accepted yet."
  :group 'pen)

(defface pen-ghost-note '((t :inherit shadow))
  "What stands after a completion: its number, and how far it is."
  :group 'pen)

;;;; Keymaps

(defvar pen-preview-map
  (let ((map (make-sparse-keymap)))
    (define-key map (kbd "TAB") #'pen-preview-accept)
    (define-key map (kbd "<tab>") #'pen-preview-accept)
    (define-key map (kbd "RET") #'pen-preview-accept)
    (define-key map (kbd "<return>") #'pen-preview-accept)
    (define-key map (kbd "M-RET") #'pen-preview-accept-word)
    (define-key map (kbd "M-n") #'pen-preview-next)
    (define-key map (kbd "M-p") #'pen-preview-previous)
    (define-key map (kbd "C-g") #'pen-preview-reject)
    (define-key map (kbd "C-c ; g") #'pen-complete-again)
    (define-key map (kbd "C-c ; l") #'pen-preview-list)
    map)
  "Keys at a preview.")

;;;; Internal variables

(cl-defstruct (pen-preview (:constructor pen-preview--make) (:copier nil))
  "A completion shown in OVERLAY but not inserted."
  overlay stream redraw context
  prompt                                ; name of the definition
  options                               ; :model and :n of the request
  (note "…")                            ; what is going on, while nothing else is shown
  warning                               ; what the service warned of, or nil
  (candidates nil)                      ; alist: index → (TEXT CHUNK…), newest chunk first
  (index 0)                             ; key in CANDIDATES of the one shown
  (expected nil) (done nil)
  (taken 0)                             ; characters accepted word by word
  tick)                                 ; of the buffer's text when last seen

(defvar-local pen-preview-current nil
  "The preview that is open in this buffer.")

(defvar-local pen-preview-last nil
  "The preview that was open in this buffer last; its candidates stay in reach.")

(defvar pen-preview--all nil
  "Every open preview, newest first.")

(defvar pen-preview-activity nil
  "What the mode line says of the running request, or nil.")

;;;; Functions: opening and closing

(defun pen-preview-open (context prompt options)
  "Open a preview in CONTEXT for the definition PROMPT, asked with OPTIONS."
  (pen-preview-close)
  (goto-char (pen-context-position context))
  (deactivate-mark)
  (let* ((overlay (make-overlay (point) (point) nil nil t))
         (preview (pen-preview--make :overlay overlay :context context
                                     :prompt prompt :options options
                                     :expected (plist-get options :n)
                                     :tick (buffer-chars-modified-tick))))
    (unless (eq (pen-rpc-state) 'ready)
      (setf (pen-preview-note preview) "starting engine…"))
    (overlay-put overlay 'keymap pen-preview-map)
    (overlay-put overlay 'priority 100)
    (setf (pen-preview-redraw preview)
          (pen-redraw-make (current-buffer) (lambda () (pen-preview--draw preview))))
    (setq pen-preview-current preview
          pen-preview-last preview)
    (push preview pen-preview--all)
    (add-hook 'post-command-hook #'pen-preview--check nil t)
    (add-hook 'kill-buffer-hook #'pen-preview-close nil t)
    (add-hook 'change-major-mode-hook #'pen-preview-close nil t)
    (pen-redraw-now (pen-preview-redraw preview))
    preview))

(defun pen-preview-close ()
  "Close the preview of this buffer and stop its request; return it, or nil."
  (when-let ((preview pen-preview-current))
    (setq pen-preview-current nil
          pen-preview--all (delq preview pen-preview--all))
    (remove-hook 'post-command-hook #'pen-preview--check t)
    (remove-hook 'kill-buffer-hook #'pen-preview-close t)
    (remove-hook 'change-major-mode-hook #'pen-preview-close t)
    (when (pen-preview-stream preview)
      (pen-stream-cancel (pen-preview-stream preview)))
    (pen-redraw-stop (pen-preview-redraw preview))
    (delete-overlay (pen-preview-overlay preview))
    (pen-preview-show-activity)
    preview))

(defun pen-preview--check ()
  "Close the preview if point left it or the text changed."
  (when-let ((preview pen-preview-current))
    (unless (and (eql (point) (overlay-start (pen-preview-overlay preview)))
                 (eql (buffer-chars-modified-tick) (pen-preview-tick preview)))
      (pen-preview-close))))

(defun pen-preview--here ()
  "Return the open preview of this buffer, or say that there is none."
  (or pen-preview-current (user-error "There is no completion to take here")))

;;;; Functions: candidates

(defun pen-preview-add (preview index text)
  "Append TEXT to the candidate INDEX of PREVIEW.
The first of them to have any is the one shown."
  (let ((candidate (assq index (pen-preview-candidates preview))))
    (cond (candidate (push text (cddr candidate)))
          ((not (equal text ""))
           (unless (pen-preview-candidates preview)
             (setf (pen-preview-index preview) index))
           (setf (pen-preview-candidates preview)
                 (sort (cons (list index "" text) (pen-preview-candidates preview))
                       #'car-less-than-car))))))

(defun pen-preview--place (preview)
  "Return how many candidates of PREVIEW come before the one shown."
  (or (seq-position (pen-preview-candidates preview) (pen-preview-index preview)
                    (lambda (candidate index) (eql (car candidate) index)))
      0))

(defun pen-preview-text (preview &optional index)
  "Return the candidate INDEX of PREVIEW, by default the one shown."
  (let ((candidate (if index
                       (assq index (pen-preview-candidates preview))
                     (nth (pen-preview--place preview)
                          (pen-preview-candidates preview)))))
    (when (cddr candidate)
      (setcdr candidate
              (list (apply #'concat (cadr candidate) (reverse (cddr candidate))))))
    (or (cadr candidate) "")))

(defun pen-preview-texts (preview)
  "Return all candidates of PREVIEW."
  (mapcar (lambda (each) (pen-preview-text preview (car each)))
          (pen-preview-candidates preview)))

(defun pen-preview-insertion (preview)
  "Return what accepting PREVIEW would insert."
  (let ((text (pen-context-dress (pen-preview-context preview)
                                 (pen-preview-text preview))))
    (substring text (min (length text) (pen-preview-taken preview)))))

(defun pen-preview--count (preview)
  "Return how many candidates PREVIEW has or expects."
  (if (pen-preview-done preview)
      (length (pen-preview-candidates preview))
    (max (length (pen-preview-candidates preview))
         (or (pen-preview-expected preview) 1))))

;;;; Functions: drawing

(defun pen-preview--draw (preview)
  "Draw PREVIEW."
  (let* ((text (if (pen-preview-candidates preview)
                   (propertize (pen-preview-insertion preview) 'face 'pen-ghost)
                 ""))
         ;; The cursor stays before the first of these; a line break has no
         ;; place on the screen for it, a blank at the line's end has.
         (shown (concat (if (string-prefix-p "\n" text) " " "") text
                        (pen-preview--note preview (string-empty-p text)))))
    (put-text-property 0 1 'cursor t shown)
    (overlay-put (pen-preview-overlay preview) 'after-string shown)
    (pen-preview-show-activity)))

(defun pen-preview--note (preview alone)
  "Return what follows the text of PREVIEW; it stands ALONE before any text."
  (let ((count (pen-preview--count preview)))
    (propertize (concat " ["
                        (if (pen-preview-candidates preview)
                            (format "%d/%d" (1+ (pen-preview--place preview)) count)
                          (pen-preview-note preview))
                        (and (pen-preview-candidates preview)
                             (not (pen-preview-done preview)) "…")
                        "]")
                'face (if alone 'pen-ghost 'pen-ghost-note))))

(defun pen-preview-show-activity ()
  "Say in the mode line how far the newest running request is."
  (let* ((preview (seq-find (lambda (each) (not (pen-preview-done each)))
                            pen-preview--all))
         (activity (and preview
                        (if (or (pen-preview-candidates preview)
                                (pen-preview-expected preview))
                            (format ":%d/%d" (length (pen-preview-candidates preview))
                                    (pen-preview--count preview))
                          ":…"))))
    (unless (equal activity pen-preview-activity)
      (setq pen-preview-activity activity)
      (force-mode-line-update t))))

;;;; Commands

(defun pen-preview-accept ()
  "Insert the candidate shown, as one change."
  (interactive)
  (let* ((preview (pen-preview--here))
         (text (pen-preview-insertion preview)))
    (when (string-empty-p text)
      (user-error "There is no text yet; wait for it or reject with C-g"))
    (pen-preview-close)
    (undo-boundary)
    (insert text)
    (undo-boundary)))

(defun pen-preview-accept-word ()
  "Insert the next word of the candidate shown."
  (interactive)
  (let* ((preview (pen-preview--here))
         (text (pen-preview-insertion preview))
         (word (and (string-match "\\`[[:space:]\n]*[^[:space:]\n]+" text)
                    (match-string 0 text))))
    (unless word
      (user-error "There are no more words; wait for them or reject with C-g"))
    (undo-boundary)
    (insert word)
    (cl-incf (pen-preview-taken preview) (length word))
    (move-overlay (pen-preview-overlay preview) (point) (point))
    (setf (pen-preview-tick preview) (buffer-chars-modified-tick))
    (if (and (pen-preview-done preview)
             (string-blank-p (pen-preview-insertion preview)))
        (pen-preview-close)
      (pen-redraw-now (pen-preview-redraw preview)))))

(defun pen-preview-next (&optional step)
  "Show the next candidate, or the one STEP further."
  (interactive)
  (let* ((preview (pen-preview--here))
         (candidates (pen-preview-candidates preview))
         (count (length candidates)))
    (unless (zerop (pen-preview-taken preview))
      (user-error "Words of this candidate are in the buffer; accept or reject it first"))
    (when (< count 2)
      (user-error "There is no other candidate yet"))
    (setf (pen-preview-index preview)
          (car (nth (mod (+ (pen-preview--place preview) (or step 1)) count)
                    candidates)))
    (pen-redraw-now (pen-preview-redraw preview))))

(defun pen-preview-previous ()
  "Show the previous candidate."
  (interactive)
  (pen-preview-next -1))

(defun pen-preview-reject ()
  "Close the preview and stop its request."
  (interactive)
  (when (pen-preview-close)
    (message "%s" (substitute-command-keys
                   "Rejected; \\[pen-preview-list] still has the candidates."))))

;;;###autoload
(defun pen-preview-list ()
  "Choose among the candidates of this buffer's last preview and insert it."
  (interactive)
  (barf-if-buffer-read-only)
  (let* ((preview (or pen-preview-last
                      (user-error "Nothing was completed in this buffer yet")))
         (texts (or (delete-dups (pen-preview-texts preview))
                    (user-error "The last completion has no candidates")))
         (chosen (completing-read "Completion: " texts nil t nil nil (car texts)))
         (context (pen-context-at-point))
         (dressed (pen-context-dress context chosen)))
    (pen-preview-close)
    (goto-char (pen-context-position context))
    (deactivate-mark)
    (undo-boundary)
    (insert dressed)))

;;;###autoload
(defun pen-abort (&optional all)
  "Stop the request of this buffer, or ALL of them; return how many."
  (interactive "P")
  (let ((buffers (if all
                     (delq nil (mapcar (lambda (each)
                                         (overlay-buffer (pen-preview-overlay each)))
                                       pen-preview--all))
                   (list (current-buffer)))))
    (cl-loop for buffer in buffers
             count (with-current-buffer buffer (pen-preview-close)))))

(provide 'pen-preview)
;;; pen-preview.el ends here
